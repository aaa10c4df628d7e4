import type {
  AgentwireError,
  Clock,
  CloseReason,
  Connection,
  ConnectionHandler,
  Decision,
  EncodedMessage,
  Logger,
  ProxyEvent,
} from '@agentwire/core';
import type {
  AgentRequest,
  AgentSession,
  AgentSessionOptions,
  ProxyNotice,
  SessionHandler,
} from '@agentwire/core/session';
import { AgentSessionCore } from '@agentwire/core/session/internal';
import type { Reply, Turns } from '../body/turns.ts';
import type { Agent } from '../define/agent.ts';
import type { AgentHandlers, GivenUpReason } from '../handler/agent-handlers.ts';
import { Admission } from './admission.ts';
import { BusyPoll } from './busy-poll.ts';
import { Deadlines } from './deadlines.ts';
import { Dispatcher } from './dispatcher.ts';
import { type ContextHost, EventContext, type RequestScope } from './event-context.ts';
import { type OutcomeOptions, Outcomes } from './outcomes.ts';
import { isReleasedProxy } from './released-proxy.ts';
import { RequestScopes } from './request-scopes.ts';
import { callListener } from './tell.ts';

/** Events between two that are measured while handlers decide at once; a power of two. */
const MEASURE_EVERY = 64;

/** What a runtime needs besides its agent. */
export interface AgentRuntimeOptions extends OutcomeOptions {
  /** Busy-poll for clients that send sequential requests; default `false`. */
  readonly busyPoll?: boolean;
}

/** Calls an agent's handlers for the events of all its connections. */
export class AgentRuntime implements SessionHandler, ContextHost {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly handlerTimeoutMs: number;
  readonly requestBody: boolean;
  readonly responseBody: boolean;
  readonly sessions: Set<AgentSession> = new Set<AgentSession>();
  readonly admission: Admission;
  readonly outcomes: Outcomes;
  readonly scopes: RequestScopes;
  readonly #handlers: AgentHandlers;
  readonly #deadlines: Deadlines;
  readonly #dispatcher: Dispatcher;
  readonly #busyPoll: BusyPoll | undefined;
  readonly #ends = new Map<AgentSession, () => void>();

  constructor(agent: Agent, options: AgentRuntimeOptions) {
    this.clock = options.clock;
    this.logger = options.logger;
    this.#handlers = agent.handlers;
    this.requestBody = agent.requestBody;
    this.responseBody = agent.responseBody;
    this.handlerTimeoutMs = agent.limits.handlerTimeoutMs;
    this.admission = new Admission(agent.limits.maxConcurrentRequests, this.sessions, this.clock, this.logger);
    if (options.busyPoll) this.#busyPoll = new BusyPoll(this.clock);
    this.scopes = new RequestScopes(agent, this);
    this.outcomes = new Outcomes(this.admission, options, this.handlerTimeoutMs, (event, context) =>
      this.scopes.over(event, context),
    );
    this.#deadlines = new Deadlines(this.clock, this.handlerTimeoutMs, (turns) => this.outcomes.expired(turns));
    this.#dispatcher = new Dispatcher(this, agent.handlers, this.scopes, this.outcomes);
  }

  onEvent(event: ProxyEvent, request: AgentRequest, encoded?: EncodedMessage): Decision | Promise<Reply> {
    const { counts, latencies } = this.outcomes;
    counts.events += 1;
    this.#busyPoll?.note();
    if ((counts.events & (MEASURE_EVERY - 1)) !== 0) return this.#decide(event, request, encoded);
    const from = this.clock.now();
    const reply = this.#decide(event, request, encoded);
    if (!(reply instanceof Promise)) latencies.add(this.clock.now() - from);
    return reply;
  }

  #decide(event: ProxyEvent, request: AgentRequest, encoded?: EncodedMessage): Decision | Promise<Reply> {
    try {
      return this.#dispatcher.dispatch(event, request, encoded);
    } catch (error) {
      return this.outcomes.failed(error);
    }
  }

  watch(turns: Turns): void {
    this.#deadlines.watch(turns);
    this.admission.enter();
  }

  unwatch(turns: Turns): void {
    this.#deadlines.unwatch(turns);
    this.admission.leave();
  }

  pin(scope: RequestScope): void {
    this.scopes.pin(scope);
  }

  overtaken(request: AgentRequest): boolean {
    return request.unanswered > 1 && isReleasedProxy(request.connection.peer);
  }

  onListenerError(error: unknown): void {
    this.logger.error({ err: error }, 'a listener of context.signal threw');
  }

  /** The released proxy sends a request's next event when it has given the answer to the one before up. */
  onQueued(event: ProxyEvent, request: AgentRequest): void {
    if (!isReleasedProxy(request.connection.peer)) return;
    // another request with the same id says nothing of this one
    if (event.type === 'requestHeaders') return;
    // the handler of the head takes this chunk
    if (event.type === 'requestBodyChunk' && this.#handlers.onRequestBodyChunk === undefined) return;
    if (event.type === 'responseBodyChunk' && this.#handlers.onResponseBodyChunk === undefined) return;
    (request.state as RequestScope | undefined)?.turns?.overtake();
  }

  onRequestEnd(request: AgentRequest): void {
    let scope = this.scopes.end(request);
    if (!request.cancelled) return;
    if (request.connection.status === 'open') scope = this.scopes.cancel(request) ?? scope;
    const idle = request.unanswered === 0 && scope?.turns?.settled !== false;
    // a connection that ends cancels nothing of what was only kept
    if (idle && request.connection.status !== 'open') return;
    this.outcomes.counts.cancelled += 1;
    if (scope === undefined) return;
    const { onCancel } = this.#handlers;
    if (onCancel === undefined) return;
    const { detail } = request.signal.reason as AgentwireError;
    const reason = (detail?.['reason'] as GivenUpReason | undefined) ?? 'unknown';
    callListener('onCancel', this.logger, () => onCancel(reason, new EventContext(this, request, scope, false)));
  }

  onNotice(notice: ProxyNotice): void {
    const { onDrain, onShutdown } = this.#handlers;
    if (notice.type === 'drain') callListener('onDrain', this.logger, () => onDrain?.(notice));
    else if (notice.type === 'shutdown') callListener('onShutdown', this.logger, () => onShutdown?.(notice));
  }

  /**
   * Opens a session on a new connection; what it gives is the connection's handler.
   *
   * @param onEnd told when the connection is over
   */
  open(connection: Connection, options: AgentSessionOptions, onEnd?: () => void): ConnectionHandler {
    const session = new AgentSessionCore(connection, this, options);
    this.sessions.add(session);
    if (onEnd !== undefined) this.#ends.set(session, onEnd);
    this.admission.greet(session);
    return session;
  }

  onClose(_reason: CloseReason, session: AgentSession): void {
    this.sessions.delete(session);
    this.#ends.get(session)?.();
    this.#ends.delete(session);
  }

  /** Ends all timers and forgets all requests. */
  stop(): void {
    this.#deadlines.stop();
    this.scopes.clear();
  }
}
