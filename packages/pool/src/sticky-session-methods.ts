import type { Decision, RequestHead } from '@agentwire/core';
import { EventMethods } from './event-methods.ts';
import { checkSessionId, type PoolAskOptions } from './question.ts';

/** Sticky sessions of one agent. */
interface SessionsOfAgent {
  open(id: string): unknown;
  has(id: string): boolean;
  refresh(id: string): boolean;
  clear(id: string): boolean;
}

/**
 * Methods of sticky sessions: requests with one session id go to one connection of an agent, for state that an instance keeps over several
 * requests. A session ends `stickySessionTimeoutMs` after its last request.
 */
export abstract class StickySessionMethods extends EventMethods {
  /** Returns the sessions of an agent. @throws AgentwireError `ERR_UNKNOWN_AGENT` */
  protected abstract stickySessionsOf(agent: string): SessionsOfAgent;

  /**
   * Opens a sticky session, or refreshes it if it is open. Its first request chooses the connection.
   *
   * @param sessionId text of 1 to 256 characters, unique per agent
   * @returns whether it is new
   * @throws AgentwireError `ERR_UNKNOWN_AGENT`, `ERR_INVALID_ARGUMENT`, `ERR_OVERLOADED` at `maxStickySessions`
   */
  createStickySession(sessionId: string, agent: string): boolean {
    checkSessionId(sessionId);
    const sessions = this.stickySessionsOf(agent);
    const isNew = !sessions.has(sessionId);
    sessions.open(sessionId);
    return isNew;
  }

  /**
   * Sends the head of a request on the connection of a sticky session, which is opened where there is none; the same as `request` with
   * `stickySession`. Another connection takes the request while that one is full, and for good once that one ended, paused, drains or is
   * ejected.
   */
  sendRequestHeadersWithStickySession(
    sessionId: string,
    agent: string,
    headers: Omit<RequestHead, 'type'>,
    options?: PoolAskOptions,
  ): Promise<Decision> {
    return this.sendRequestHeaders(agent, headers, { ...options, stickySession: sessionId });
  }

  /** Begins the timeout of a sticky session anew. @returns whether it is open. @throws AgentwireError `ERR_UNKNOWN_AGENT` */
  refreshStickySession(sessionId: string, agent: string): boolean {
    return this.stickySessionsOf(agent).refresh(sessionId);
  }

  /** Returns whether a sticky session is open. @throws AgentwireError `ERR_UNKNOWN_AGENT` */
  hasStickySession(sessionId: string, agent: string): boolean {
    return this.stickySessionsOf(agent).has(sessionId);
  }

  /** Ends a sticky session. @returns whether it was open. @throws AgentwireError `ERR_UNKNOWN_AGENT` */
  clearStickySession(sessionId: string, agent: string): boolean {
    return this.stickySessionsOf(agent).clear(sessionId);
  }
}
