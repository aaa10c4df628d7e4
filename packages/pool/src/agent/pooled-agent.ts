import { AgentwireError, type Decision, type EventType } from '@agentwire/core';
import type { AgentNotice, ProxySession } from '@agentwire/core/session';
import { isAgentsError, isPeerFailure } from '../failure-kind.ts';
import { FailureDecider, type FailurePolicy } from '../failure-policy.ts';
import type { ResolvedPoolOptions } from '../options.ts';
import { checkEvent, EVENT_BIT, type PoolAskOptions, type Question, standsAlone } from '../question.ts';
import { CachedDecisions } from '../decision-cache/cached-decisions.ts';
import { AgentBreaker } from './agent-breaker.ts';
import { AgentConnections } from './agent-connections.ts';
import { AgentMetrics } from './agent-metrics.ts';
import { AgentRequests } from './agent-requests.ts';
import { AgentSpans } from './agent-spans.ts';
import { ConfigPushes } from './config-pushes.ts';
import type { GradientLimit } from './gradient-limit.ts';
import type { PooledConnection } from './pooled-connection.ts';
import type { ShownGauges } from '../shown-gauges.ts';
import { UndecidedEvents } from './undecided-events.ts';

/** Rules for events that an agent cannot decide. */
export interface FailureRules {
  readonly onFailure: FailurePolicy;
  /** Set where events pass without asking while the agent has paused: the flow-control mode `failOpen`. */
  readonly passesPaused: boolean;
}

/** One agent: its connections, its requests, and the decisions in its place when it cannot give one. */
export class PooledAgent {
  readonly name: string;
  readonly endpoint: string;
  readonly connections: AgentConnections;
  readonly requests: AgentRequests;
  readonly configs: ConfigPushes;
  readonly metrics: AgentMetrics;
  readonly failures: FailureDecider;
  readonly breaker: AgentBreaker;
  /** Its decisions that may be given again; `undefined` where the pool keeps none. */
  readonly cached: CachedDecisions | undefined;
  /** Events that it was to decide, also those that failed before they were sent. */
  asked = 0;
  readonly #options: ResolvedPoolOptions;
  readonly #passesPaused: boolean;
  readonly #spans: AgentSpans | undefined;
  readonly #undecided: UndecidedEvents;

  constructor(
    name: string,
    endpoint: string,
    options: ResolvedPoolOptions,
    { onFailure, passesPaused }: FailureRules,
    gauges: ShownGauges,
    onNotice: (notice: AgentNotice, session: ProxySession) => void,
  ) {
    this.name = name;
    this.endpoint = endpoint;
    this.#options = options;
    this.#passesPaused = passesPaused;
    this.metrics = new AgentMetrics(name, options.metrics, gauges);
    this.connections = new AgentConnections(name, endpoint, options, this.metrics, {
      onOutcome: (connection, exchange, outcome, durationMs, now) => {
        if (options.metrics.recorder !== undefined) this.metrics.record(outcome, durationMs);
        if ('verdict' in outcome) {
          if (connection.ejection.failing) connection.ejection.record(false);
          this.breaker.circuit.record(false, now);
        } else this.#recordError(connection, outcome, now);
        if (this.connections.limit !== undefined) this.#adapt(this.connections.limit, outcome, durationMs, now);
        this.requests.onOutcome(exchange, outcome, now - durationMs);
      },
      onNotice,
      onChange: () => this.requests.dequeue(),
      onUp: (connection) => {
        this.breaker.connected();
        this.cached?.clear();
        this.configs.onUp(connection);
      },
      onDown: (died) => {
        this.cached?.clear();
        // one failure, however many requests it took along
        if (died) this.breaker.fail(options.clock.now());
      },
      onPauseExpired: () => this.breaker.fail(options.clock.now()),
    });
    this.requests = new AgentRequests(name, endpoint, options, this.connections);
    this.configs = new ConfigPushes({
      agent: name,
      options,
      connections: this.connections.pooled,
      onSend: () => this.cached?.clear(),
      refusal: () => this.requests.router.refusal,
    });
    this.cached =
      options.decisionCache &&
      new CachedDecisions(options.decisionCache, {
        agent: name,
        options,
        connections: this.connections,
        requests: this.requests,
      });
    this.#spans = options.tracer && new AgentSpans(name, options.tracer, options.logger);
    this.failures = new FailureDecider(name, onFailure, options);
    this.#undecided = new UndecidedEvents(name, options.clock, this.failures);
    this.breaker = new AgentBreaker(name, options, this.metrics);
  }

  /** Returns whether the agent takes such events; `undefined` before it was ever connected. */
  handles(type: EventType): boolean | undefined {
    const { takes } = this.connections;
    return takes === 0 ? undefined : (takes & EVENT_BIT[type]) !== 0;
  }

  /** Sends an event to the agent as {@link ask}, and allows it without asking where the flow-control mode does that. */
  request(question: Question, options?: PoolAskOptions): Promise<Decision> {
    const answer = this.ask(question, options);
    if (!this.#passesPaused) return answer;
    return answer.catch((error: unknown) => {
      // a guardrail or a configuration is not judged or applied by passing it
      if (!(error instanceof AgentwireError) || error.code !== 'ERR_FLOW_PAUSED' || standsAlone(question.type))
        throw error;
      return this.#undecided.decide(question, error, options);
    });
  }

  /** Sends an event to the agent; rejects with a typed error. */
  ask(question: Question, options?: PoolAskOptions): Promise<Decision> {
    if (this.#spans !== undefined && !this.#spans.isIdle)
      return this.#spans.ask(question, options, (sent, rest) => this.#askOrFind(sent, rest));
    return this.cached === undefined ? this.#ask(question, options) : this.#askOrFind(question, options);
  }

  #askOrFind(question: Question, options?: PoolAskOptions): Promise<Decision> {
    const ask = (): Promise<Decision> => this.#ask(question, options);
    return this.cached === undefined ? ask() : this.cached.ask(question, options, ask);
  }

  #ask(question: Question, options?: PoolAskOptions): Promise<Decision> {
    this.asked += 1;
    return this.breaker.circuit.isClosed
      ? this.requests.router.ask(question, options)
      : this.breaker.ask(() => this.requests.router.ask(question, options));
  }

  #adapt(limit: GradientLimit, outcome: Decision | AgentwireError, durationMs: number, now: number): void {
    const dropped = !('verdict' in outcome) && isPeerFailure(outcome);
    // a cancelled request, or one that was lost with its connection, says nothing about the time that the agent takes
    if (!('verdict' in outcome) && !dropped && outcome.code !== 'ERR_HANDLER') return;
    if (!limit.record(durationMs, this.connections.inFlight + 1, dropped, now)) return;
    this.metrics.gauge('agent_concurrency_limit', Math.floor(limit.current));
  }

  #recordError(connection: PooledConnection, error: AgentwireError, now: number): void {
    if (isAgentsError(error)) connection.health.failed(error, now);
    if (!isPeerFailure(error)) return;
    if (connection.ejection.record(true)) this.connections.fitness.eject(connection, now);
    this.breaker.fail(now);
  }

  /** Sends an event to the agent; its failure policy decides where it cannot. */
  async decide(question: Question, options?: PoolAskOptions): Promise<Decision> {
    // a guardrail or a configuration is never passed over: allow would mean that it was judged, or applied
    checkEvent(question);
    if (!standsAlone(question.type) && this.handles(question.type) === false)
      return this.#undecided.passOver(question, options, this.connections.takes);
    try {
      return await this.ask(question, options);
    } catch (error) {
      return this.#undecided.decide(question, error as AgentwireError, options);
    }
  }

  /** Ends every connection; with a timeout, after queued requests and those in flight. */
  async stop(drainTimeoutMs: number): Promise<void> {
    const { clock } = this.#options;
    const until = clock.now() + drainTimeoutMs;
    this.connections.markStopping();
    if (drainTimeoutMs > 0) {
      const draining = new AgentwireError('ERR_DRAINING', `the pool is drained, so ${this.name} gets nothing new`);
      await this.requests.drain(draining, drainTimeoutMs);
    }
    this.requests.refuse(new AgentwireError('ERR_CLOSED', `${this.name} was closed or removed from the pool`));
    const rest = drainTimeoutMs > 0 ? Math.max(1, until - clock.now()) : 0;
    await this.connections.stop(rest);
    this.requests.clear();
  }
}
