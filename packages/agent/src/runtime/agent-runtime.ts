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
import { isReleasedProxy } from '@agentwire/core/internal';
import type {
  AgentRequest,
  AgentSession,
  AgentSessionOptions,
  ProxyNotice,
  SessionHandler,
} from '@agentwire/core/session';
import { AgentSessionCore } from '@agentwire/core/session/internal';
import type { PathOptions } from '../define/path-options.ts';
import type { Agent } from '../define/define-agent.ts';
import type { AgentHandlers, GivenUpReason, LogFields } from '../handler/agent-handlers.ts';
import { BusyPoll } from '../run/busy-poll.ts';
import { ConcurrencyLimiter } from '../run/concurrency-limiter.ts';
import { HandlerDeadlines } from '../run/handler-times.ts';
import type { HandlerRun, Reply } from '../run/handler-run.ts';
import { ConfigRequests } from './config-requests.ts';
import { Dispatcher } from './dispatcher.ts';
import { type ContextHost, EventContext } from './event-context.ts';
import { type HandlerCallOptions, HandlerCalls } from './handler-calls.ts';
import { callListener } from './notify.ts';
import { ProxyLog } from './proxy-log.ts';
import type { RequestScope } from './request-scope.ts';
import { RequestScopes } from './request-scopes.ts';

/** Every 64th synchronous decision is measured; a power of two. */
const MEASURE_EVERY = 64;

/** Options of {@link AgentRuntime}. */
export interface AgentRuntimeOptions extends HandlerCallOptions {
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
  readonly freeChunks: boolean;
  readonly paths: PathOptions;
  readonly sessions: Set<AgentSession> = new Set<AgentSession>();
  readonly limiter: ConcurrencyLimiter;
  readonly calls: HandlerCalls;
  readonly scopes: RequestScopes;
  readonly #handlers: AgentHandlers;
  readonly #deadlines: HandlerDeadlines;
  readonly #dispatcher: Dispatcher;
  readonly #busyPoll: BusyPoll | undefined;
  #log: ProxyLog | undefined;
  #configRequests: ConfigRequests | undefined;
  readonly #ends = new Map<AgentSession, () => void>();

  constructor(agent: Agent, options: AgentRuntimeOptions) {
    this.clock = options.clock;
    this.logger = options.logger;
    this.#handlers = agent.handlers;
    this.requestBody = agent.requestBody;
    this.responseBody = agent.responseBody;
    this.freeChunks = agent.freeChunks;
    this.paths = agent.paths;
    this.handlerTimeoutMs = agent.limits.handlerTimeoutMs;
    this.limiter = new ConcurrencyLimiter(agent.limits.maxConcurrentRequests, this.sessions, this.clock, this.logger);
    if (options.busyPoll) this.#busyPoll = new BusyPoll(this.clock);
    this.scopes = new RequestScopes(agent, this);
    this.calls = new HandlerCalls(agent, this.limiter, options, (event, context) => this.scopes.over(event, context));
    this.#deadlines = new HandlerDeadlines(this.clock, this.handlerTimeoutMs, (run) =>
      this.calls.outcomes.expired(run),
    );
    this.#dispatcher = new Dispatcher(this, agent.handlers, this.scopes, this.calls);
  }

  onEvent(event: ProxyEvent, request: AgentRequest, encoded?: EncodedMessage): Decision | Promise<Reply> {
    const { counts, latencies } = this.calls.outcomes;
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
      return this.calls.outcomes.failed(error);
    }
  }

  log(from: EventContext, level: keyof Logger, message: string, fields: LogFields): boolean {
    this.#log ??= new ProxyLog(this.clock, this.logger, this.sessions);
    return this.#log.send(from, level, message, fields);
  }

  watch(run: HandlerRun): void {
    this.#deadlines.watch(run);
    this.limiter.enter();
  }

  unwatch(run: HandlerRun): void {
    this.#deadlines.unwatch(run);
    this.limiter.leave();
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

  /** Overtakes a handler of the released proxy, which sends a request's next event when it no longer waits for the answer before. */
  onQueued(event: ProxyEvent, request: AgentRequest): void {
    if (!isReleasedProxy(request.connection.peer)) return;
    // another request with the same id tells nothing about this one
    if (event.type === 'requestHeaders') return;
    // the handler of the head takes this chunk
    if (event.type === 'requestBodyChunk' && this.#handlers.onRequestBodyChunk === undefined) return;
    if (event.type === 'responseBodyChunk' && this.#handlers.onResponseBodyChunk === undefined) return;
    (request.state as RequestScope | undefined)?.run?.overtake();
  }

  onRequestEnd(request: AgentRequest): void {
    let scope = this.scopes.end(request);
    if (!request.cancelled) return;
    if (request.connection.status === 'open') scope = this.scopes.cancel(request) ?? scope;
    const idle = request.unanswered === 0 && scope?.run?.settled !== false;
    // the end of a connection cancels no request that was only kept
    if (idle && request.connection.status !== 'open') return;
    this.calls.outcomes.counts.cancelled += 1;
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
    else if (notice.type === 'configUpdateResponse') this.#configRequests?.answered(notice);
    else if (notice.type === 'shutdown') callListener('onShutdown', this.logger, () => onShutdown?.(notice));
  }

  /**
   * Opens a session on a new connection and returns the connection's handler.
   *
   * @param onEnd called when the connection is over
   */
  open(connection: Connection, options: AgentSessionOptions, onEnd?: () => void): AgentSession & ConnectionHandler {
    const session = new AgentSessionCore(connection, this, options);
    this.sessions.add(session);
    if (onEnd !== undefined) this.#ends.set(session, onEnd);
    this.limiter.greet(session);
    return session;
  }

  onClose(_reason: CloseReason, session: AgentSession): void {
    this.sessions.delete(session);
    this.#configRequests?.closed(session);
    this.#ends.get(session)?.();
    this.#ends.delete(session);
  }

  /** Requests for changes of the proxies' configurations. */
  get configRequests(): ConfigRequests {
    return (this.#configRequests ??= new ConfigRequests(this.clock, this.sessions));
  }

  /** Stops all timers and drops all requests. */
  stop(): void {
    this.#deadlines.stop();
    this.scopes.clear();
  }
}
