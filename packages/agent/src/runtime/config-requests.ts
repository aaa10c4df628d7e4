import { randomUUID } from 'node:crypto';
import { AgentwireError, type Clock, type ConfigUpdate, type ConfigUpdateResponse } from '@agentwire/core';
import type { AgentSession } from '@agentwire/core/session';
import type { ConfigReply } from '../serve/agent-server.ts';

/** Request for a change of configuration that a proxy has not answered. */
interface Pending {
  readonly session: AgentSession;
  readonly settle: (reply: Omit<ConfigReply, 'proxy'>) => void;
}

/** Requests of an agent for changes of its proxies' configurations. */
export class ConfigRequests {
  readonly #clock: Clock;
  readonly #sessions: ReadonlySet<AgentSession>;
  readonly #pending = new Map<string, Pending>();

  constructor(clock: Clock, sessions: ReadonlySet<AgentSession>) {
    this.#clock = clock;
    this.#sessions = sessions;
  }

  /** Asks each proxy once, whatever its number of connections. Rejects with `ERR_UNSUPPORTED` if none takes such requests. */
  async ask(update: ConfigUpdate, timeoutMs: number): Promise<ConfigReply[]> {
    const proxies = new Map<string, AgentSession>();
    for (const session of this.#sessions) {
      const { peer, status } = session.connection;
      if (status === 'open' && peer.accepts.has('configUpdateRequest')) proxies.set(peer.name, session);
    }
    if (proxies.size === 0)
      throw new AgentwireError('ERR_UNSUPPORTED', 'no connected proxy takes requests for a configuration');
    return Promise.all([...proxies.values()].map((session) => this.#askOne(session, update, timeoutMs)));
  }

  async #askOne(session: AgentSession, update: ConfigUpdate, timeoutMs: number): Promise<ConfigReply> {
    const requestId = randomUUID();
    const { promise, resolve } = Promise.withResolvers<Omit<ConfigReply, 'proxy'>>();
    const late = `no answer within ${timeoutMs} ms`;
    const timer = this.#clock.setTimeout(() => resolve({ accepted: false, error: late }), timeoutMs);
    this.#pending.set(requestId, { session, settle: resolve });
    try {
      session.notify({ type: 'configUpdateRequest', requestId, update, timestampMs: this.#clock.wallNow() });
      return { proxy: session.connection.peer.name, ...(await promise) };
    } finally {
      this.#clock.clearTimeout(timer);
      this.#pending.delete(requestId);
    }
  }

  answered({ requestId, accepted, error }: ConfigUpdateResponse): void {
    this.#pending.get(requestId)?.settle({ accepted, error });
  }

  /** Ends the requests of a connection that has closed. */
  closed(closed: AgentSession): void {
    for (const { session, settle } of this.#pending.values())
      if (session === closed) settle({ accepted: false, error: 'the connection ended before the answer' });
  }
}
