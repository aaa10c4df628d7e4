import {
  ALLOW,
  AgentwireError,
  type Capabilities,
  checkNumber,
  type Connection,
  type Decision,
  DEFAULT_CAPABILITIES,
  type EventType,
  type Hello,
  type ProxyEvent,
  type RequestId,
  type Transport,
} from '@agentwire/core';
import type { AgentNotice, AskOptions, Completion, EventBody, Exchange, ProxySession } from '@agentwire/core/session';
import { type Affinity, Affinities } from './affinities.ts';
import { decideByPolicy, failureKind, type FailurePolicy, ruleFor, ruleName } from './failure-policy.ts';
import { HealthWindow } from './health-window.ts';
import type { LoadBalanceStrategy } from './load-balancing.ts';
import type { ResolvedPoolOptions } from './options.ts';
import { MAX_IN_FLIGHT, PooledConnection } from './pooled-connection.ts';
import { WaitingLine } from './waiting-line.ts';

/** An event that an agent answers; `id` is the caller's own, unique among its live requests. */
export type Question = Exclude<ProxyEvent, { type: 'requestComplete' }>;

/** Options of one question to an agent. */
export interface PoolAskOptions extends AskOptions {
  /** This is the request's only event for this agent: nothing is remembered. Default `false`. */
  readonly only?: boolean | undefined;
}

/** Events after which more may come for the same request. */
const LATER: readonly EventType[] = ['responseHeaders', 'responseBodyChunk', 'requestComplete', 'webSocketFrame'];
const ALONE: ReadonlySet<EventType> = new Set<EventType>(['guardrailInspect', 'configure']);

/** How often requests make the pool look for an agent that is not there, in milliseconds; the backoff goes on beside it. */
const HURRY_EVERY_MS = 250;

/** What the pool hears of its agents. */
export interface PooledAgentEvents {
  onNotice(agent: PooledAgent, notice: AgentNotice, session: ProxySession): void;
}

/** One agent: its connections, its live requests, and what happens when it cannot decide. */
export class PooledAgent {
  readonly name: string;
  readonly endpoint: string;
  readonly onFailure: FailurePolicy;
  readonly health: HealthWindow = new HealthWindow();
  readonly connections: PooledConnection[] = [];
  /** What the agent said it can do, the last time it connected. */
  capabilities: Capabilities | undefined;
  /** Questions asked, and how many of them the failure policy decided. */
  readonly counts: { requests: number; failures: number } = { requests: 0, failures: 0 };
  lastError: AgentwireError | undefined;
  readonly #options: ResolvedPoolOptions;
  readonly #events: PooledAgentEvents;
  readonly #strategy: LoadBalanceStrategy;
  readonly #affinities: Affinities;
  readonly #line: WaitingLine;
  readonly #decisionLabels = new Map<string, { readonly agent: string; readonly decision: string }>();
  #usable: PooledConnection[] = [];
  /** What new requests are told once the agent is being stopped. */
  #stopped: AgentwireError | undefined;
  #hurriedAt = -Infinity;

  constructor(
    name: string,
    endpoint: string,
    options: ResolvedPoolOptions,
    onFailure: FailurePolicy,
    events: PooledAgentEvents,
  ) {
    this.name = name;
    this.endpoint = endpoint;
    this.onFailure = onFailure;
    this.#options = options;
    this.#events = events;
    this.#strategy = options.strategy.forAgent();
    this.#affinities = new Affinities(
      options.clock,
      options.maxCorrelationAffinities,
      options.correlationAffinityTtlMs,
    );
    this.#line = new WaitingLine(options.clock, options.maxQueuedPerAgent);
  }

  /** Opens the connections. Resolves when each has been made or has failed once. */
  async connect(transport: Transport, address: string, self: Hello): Promise<void> {
    const places = Array.from({ length: this.#options.connectionsPerAgent }, () => this.#newConnection());
    await Promise.all(places.map((place) => place.dial(transport, address, self)));
  }

  /** Takes over a connection that the agent opened. */
  adopt(connection: Connection): ReturnType<PooledConnection['adopt']> {
    const place = this.#newConnection();
    return place.adopt(connection, () => {
      const at = this.connections.indexOf(place);
      if (at >= 0) this.connections.splice(at, 1);
    });
  }

  #newConnection(): PooledConnection {
    const { clock, logger, requestTimeoutMs, metrics } = this.#options;
    const connection = new PooledConnection(this.#options, {
      session: {
        clock,
        logger,
        requestTimeoutMs,
        maxInFlight: MAX_IN_FLIGHT,
        onOutcome: (exchange, outcome, durationMs) => this.#onOutcome(exchange, outcome, durationMs),
        onNotice: (notice, session) => {
          this.#events.onNotice(this, notice, session);
          // a pause that ended lets those who wait in; one that began, or a drain, may leave them nothing to wait for
          this.#line.advance();
        },
      },
      onUp: (up) => {
        this.capabilities = up.session?.connection.peer.capabilities ?? DEFAULT_CAPABILITIES;
        this.lastError = undefined;
        logger.info(
          { agent: this.name, endpoint: this.endpoint, connections: this.connected },
          'connected to an agent',
        );
        metrics.gauge('agent_connections_active', { agent: this.name }, this.connected);
        // it is there again, so the others need not wait for the end of a long backoff
        for (const other of this.connections) other.hurry();
        this.#line.advance();
      },
      onDown: (_down, error) => {
        this.lastError = error ?? new AgentwireError('ERR_CLOSED', `${this.name} closed the connection`);
        if (this.#stopped === undefined)
          logger.warn({ agent: this.name, code: this.lastError.code }, 'lost a connection to an agent');
        metrics.gauge('agent_connections_active', { agent: this.name }, this.connected);
        // who waits for an agent that is gone must not wait for its deadline
        this.#line.advance();
      },
      onAttemptFailed: (error, failures, waitMs) => {
        this.lastError = error;
        const fields = {
          agent: this.name,
          endpoint: this.endpoint,
          code: error.code,
          failures,
          waitMs: Math.round(waitMs),
        };
        if (failures === 1) logger.warn(fields, `cannot reach an agent: ${error.message}`);
        else logger.debug(fields, 'cannot reach an agent');
      },
    });
    this.connections.push(connection);
    return connection;
  }

  /** Connections that are up. */
  get connected(): number {
    let up = 0;
    for (const connection of this.connections) if (connection.session !== undefined) up += 1;
    return up;
  }

  /** Events that wait for an answer. */
  get inFlight(): number {
    let pending = 0;
    for (const connection of this.connections) pending += connection.pending;
    return pending;
  }

  get queued(): number {
    return this.#line.length;
  }

  get liveRequests(): number {
    return this.#affinities.size;
  }

  /** Whether the agent wants to be asked about such events; `undefined` before it was ever connected. */
  handles(type: EventType): boolean | undefined {
    return this.capabilities?.events.includes(type);
  }

  #maxPending(): number {
    return Math.min(this.#options.maxConcurrentPerConnection, this.capabilities?.maxConcurrentRequests ?? Infinity);
  }

  /** A session for a new request; `undefined` when all are busy. @throws AgentwireError when none is up. */
  #pick(): ProxySession | undefined {
    const max = this.#maxPending();
    const usable = this.#usable;
    usable.length = 0;
    for (const connection of this.connections) if (connection.usable(max)) usable.push(connection);
    if (usable.length > 0) return this.#strategy.pick(usable).session;
    this.#throwIfHopeless();
    return undefined;
  }

  /** Waiting makes sense only while a connection is up, takes new requests and is merely busy. */
  #throwIfHopeless(): void {
    let draining = false;
    let paused = false;
    for (const { session } of this.connections) {
      if (session?.connection.status !== 'open') continue;
      if (session.draining) draining = true;
      else if (session.paused) paused = true;
      else return;
    }
    if (paused) throw new AgentwireError('ERR_FLOW_PAUSED', `${this.name} asked for a pause`);
    if (draining) throw new AgentwireError('ERR_DRAINING', `${this.name} is draining`);
    this.#hurryOne();
    const why = this.lastError === undefined ? '' : `: ${this.lastError.message}`;
    throw new AgentwireError('ERR_CONNECT', `${this.name} is not connected (${this.endpoint})${why}`, {
      cause: this.lastError,
    });
  }

  /** Somebody wants an agent that is not there: one place looks again before its turn. */
  #hurryOne(): void {
    const now = this.#options.clock.now();
    if (now - this.#hurriedAt < HURRY_EVERY_MS) return;
    if (this.connections.some((connection) => connection.hurry())) this.#hurriedAt = now;
  }

  /** Asks the agent; rejects with a typed error. */
  ask(question: Question, options?: PoolAskOptions): Promise<Decision> {
    this.counts.requests += 1;
    try {
      checkAskOptions(options);
      if (options?.only === true || ALONE.has(question.type))
        return this.#whenFree(undefined, options, (session, rest) => session.request(question, rest));
      const known = this.#affinities.get(question.id);
      if (known !== undefined && (question.type !== 'requestHeaders' || !known.exchange.ended)) {
        if (question.type === 'requestHeaders') this.#affinities.check(question.id);
        return known.exchange.ask(question, options);
      }
      if (question.type === 'requestBodyChunk' || question.type === 'responseBodyChunk')
        throw this.#noHeaders(question.id);
      if (this.#line.has(question.id)) throw duplicateRequest(question.id);
      this.#affinities.check(question.id);
      return this.#whenFree(question.id, options, (session, rest) => this.#askFirst(session, question, rest));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #noHeaders(id: RequestId): AgentwireError {
    return new AgentwireError(
      'ERR_INVALID_STATE',
      `${this.name} has no live request ${String(id)}: its headers come first`,
    );
  }

  /** Asks on a free connection, now or as soon as there is one; the time spent waiting counts. */
  #whenFree(
    id: RequestId | undefined,
    options: PoolAskOptions | undefined,
    ask: (session: ProxySession, options?: PoolAskOptions) => Promise<Decision>,
  ): Promise<Decision> {
    if (this.#stopped !== undefined) throw this.#stopped;
    const session = this.#pick();
    if (session !== undefined) return ask(session, options);
    const { clock, requestTimeoutMs } = this.#options;
    const timeoutMs = options?.timeoutMs ?? requestTimeoutMs;
    const until = clock.now() + timeoutMs;
    return this.#line.wait(
      () => {
        const free = this.#pick();
        return free && ask(free, { ...options, timeoutMs: Math.max(0, until - clock.now()) });
      },
      { id, timeoutMs, signal: options?.signal },
    );
  }

  #askFirst(
    session: ProxySession,
    question: EventBody & { readonly id: RequestId },
    options?: PoolAskOptions,
  ): Promise<Decision> {
    const exchange = session.open();
    this.#affinities.add(question.id, exchange);
    return exchange.ask(question, options);
  }

  /** A decision, whatever happens: where the agent cannot give one, its failure policy does. */
  async decide(question: Question, options?: PoolAskOptions): Promise<Decision> {
    // not asking about a guardrail or a configuration would say that it was judged, or applied
    if (!ALONE.has(question.type) && this.handles(question.type) === false) return ALLOW;
    try {
      return await this.ask(question, options);
    } catch (error) {
      return this.#onFailure(question.type, error as AgentwireError);
    }
  }

  #onFailure(event: EventType, error: AgentwireError): Decision {
    const kind = failureKind(error);
    if (kind === undefined) throw error;
    const { logger, metrics } = this.#options;
    const rule = ruleFor(this.onFailure, kind);
    const policy = ruleName(rule);
    this.counts.failures += 1;
    metrics.count('agent_failures_total', { agent: this.name, policy, reason: kind });
    logger.warn(
      { agent: this.name, event, kind, policy, code: error.code },
      'an agent could not decide; its failure policy did',
    );
    return decideByPolicy(rule, { agent: this.name, kind, event, error });
  }

  #onOutcome(exchange: Exchange, outcome: Decision | AgentwireError, durationMs: number): void {
    const failed = outcome instanceof AgentwireError;
    const { metrics } = this.#options;
    if (failed) {
      if (outcome.code !== 'ERR_ABORTED') this.health.record(false, durationMs);
      metrics.count('agent_errors_total', { agent: this.name, type: outcome.code });
    } else {
      this.health.record(true, durationMs);
      metrics.count('agent_requests_total', this.#labels(outcome.verdict.type));
    }
    metrics.observe('agent_request_duration_seconds', this.#labels('all'), durationMs / 1000);
    const affinity = exchange.owner as Affinity | undefined;
    if (affinity !== undefined && exchange.pending === 0 && this.#isOver(outcome)) this.#affinities.remove(affinity);
    if (this.#line.length > 0) this.#line.advance();
  }

  #labels(decision: string): { readonly agent: string; readonly decision: string } {
    let labels = this.#decisionLabels.get(decision);
    if (labels === undefined) this.#decisionLabels.set(decision, (labels = { agent: this.name, decision }));
    return labels;
  }

  /**
   * Whether no further event of this request can come. A failed request is remembered while more may come, so that its
   * later events fail too and never reach a connection that has not seen its head.
   */
  #isOver(outcome: Decision | AgentwireError): boolean {
    if (outcome instanceof AgentwireError) return !this.#hasLaterEvents();
    if (outcome.verdict.type !== 'allow') return this.handles('requestComplete') !== true;
    return outcome.needsMore !== true && !this.#hasLaterEvents();
  }

  #hasLaterEvents(): boolean {
    return LATER.some((type) => this.handles(type) === true);
  }

  /** Tells the agent that a request is over. @returns whether it had been told of it before */
  complete(id: RequestId, summary: Completion): boolean {
    // an error costs more than all the rest of this, so one is made only where somebody may wait for it
    if (this.#line.length > 0 && this.#line.cancel(id, gaveUp('completed'))) return false;
    const affinity = this.#affinities.get(id);
    if (affinity === undefined) return false;
    affinity.exchange.complete(summary);
    this.#affinities.remove(affinity);
    return true;
  }

  /** Gives a request up; a finished or unknown id is nothing to do. */
  cancel(id: RequestId): boolean {
    if (this.#line.length > 0 && this.#line.cancel(id, gaveUp('cancelled'))) return true;
    const affinity = this.#affinities.get(id);
    if (affinity === undefined) return false;
    affinity.exchange.cancel('client_disconnect');
    this.#affinities.remove(affinity);
    return true;
  }

  cancelAll(): void {
    this.#line.clear(gaveUp('cancelled'));
    for (const { session } of this.connections) session?.cancelAll();
    for (const affinity of this.#affinities.values()) this.#affinities.remove(affinity);
  }

  sweep(): void {
    this.#affinities.sweep();
  }

  /** Ends every connection; with a timeout, after the requests that wait and those in flight. */
  async stop(drainTimeoutMs: number): Promise<void> {
    const { clock } = this.#options;
    const until = clock.now() + drainTimeoutMs;
    if (drainTimeoutMs > 0) {
      this.#stopped = new AgentwireError('ERR_DRAINING', `the pool is drained, so ${this.name} gets nothing new`);
      await this.#line.emptied(drainTimeoutMs);
    }
    this.#stopped = new AgentwireError('ERR_CLOSED', `${this.name} was closed or removed from the pool`);
    this.#line.clear(this.#stopped);
    const rest = drainTimeoutMs > 0 ? Math.max(1, until - clock.now()) : 0;
    await Promise.all(this.connections.map((connection) => connection.stop(rest)));
    for (const affinity of this.#affinities.values()) this.#affinities.remove(affinity);
  }
}

function duplicateRequest(id: RequestId): AgentwireError {
  return new AgentwireError('ERR_DUPLICATE_REQUEST', `a live request has the id ${String(id)}`);
}

function gaveUp(how: string): AgentwireError {
  return new AgentwireError('ERR_ABORTED', `the request was ${how} while it waited for a free connection`);
}

/** Before anything is kept for a question: its options must be good and its caller must still want it. */
function checkAskOptions(options: PoolAskOptions | undefined): void {
  if (options === undefined) return;
  const { signal, timeoutMs } = options;
  if (timeoutMs !== undefined) checkNumber('timeoutMs', timeoutMs, 0, 86_400_000);
  if (signal?.aborted) throw new AgentwireError('ERR_ABORTED', 'the request was aborted', { cause: signal.reason });
}
