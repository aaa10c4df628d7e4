import {
  AgentwireError,
  type Decision,
  FEATURES,
  type Logger,
  type MetricsRecorder,
  type RequestComplete,
  type RequestId,
} from '@agentwire/core';
import { Sweep } from '@agentwire/core/internal';
import { AddAgentMethods } from './add-agent-methods.ts';
import type { Cancelled } from './agent/agent-requests.ts';
import { AgentTable } from './agent-table.ts';
import type { FailurePolicy } from './failure-policy.ts';
import { type AgentHealth, type ConnectionHealth, connectionHealthOf, healthOf } from './health/agent-health.ts';
import { type AgentPoolOptions, type ResolvedPoolOptions, resolvePoolOptions } from './options.ts';
import { checkEvent, type PoolAskOptions, type Question } from './question.ts';
import { type AgentPoolStats, statsOf } from './stats.ts';

/** Time between two checks for expired requests, in milliseconds. */
const SWEEP_MS = 10_000;

/**
 * Connections to agents: each request goes to one of them, and lost ones are dialled again; Agent Protocol v2, AgentPool.
 *
 * The `id` of an event is the caller's own, unique among its live requests of that agent; it does not leave the process.
 */
export class AgentPool extends AddAgentMethods implements AsyncDisposable {
  readonly #options: ResolvedPoolOptions;
  protected override readonly agentTable: AgentTable;
  protected override readonly dialling: AddAgentMethods['dialling'];
  readonly #sweep: Sweep;

  /** Makes a pool with this configuration, as the constructor; Agent Protocol v2, `with_config`. */
  static withConfig<Pool extends AgentPool>(
    this: new (options?: AgentPoolOptions) => Pool,
    config: AgentPoolOptions,
  ): Pool {
    return new this(config);
  }

  constructor(options?: AgentPoolOptions) {
    super();
    this.#options = resolvePoolOptions(options);
    this.agentTable = new AgentTable(this.#options);
    const { transports, name, decisionCache, encodings } = this.#options;
    const features = decisionCache === undefined ? FEATURES.filter((one) => one !== 'cache') : FEATURES;
    this.dialling = { transports, self: { role: 'proxy', name, version: '0', features, encodings } };
    this.#sweep = new Sweep(this.#options.clock, SWEEP_MS, () => {
      for (const { requests, cached } of this.agentTable.all()) {
        requests.sweep();
        cached?.sweep();
      }
      return true;
    });
    this.#sweep.start();
  }

  /** Logger of the pool; a gateway without one of its own writes to it. */
  get logger(): Logger {
    return this.#options.logger;
  }

  /**
   * Sends one event to an agent and resolves to its decision. The methods named after events call it.
   *
   * @throws AgentwireError `ERR_UNKNOWN_AGENT`, `ERR_CONNECT`, `ERR_CLOSED`, `ERR_TIMEOUT`, `ERR_ABORTED`, `ERR_OVERLOADED`,
   * `ERR_DRAINING`, `ERR_FLOW_PAUSED`, `ERR_PROTOCOL`, `ERR_UNSUPPORTED`, `ERR_MESSAGE_TOO_LARGE`, `ERR_DUPLICATE_REQUEST`,
   * `ERR_INVALID_STATE` (a body chunk without headers before it), `ERR_HANDLER`.
   */
  override request(agent: string, event: Question, options?: PoolAskOptions): Promise<Decision> {
    try {
      return this.agentTable.get(agent).request(event, options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Sends like {@link request}, and resolves to the decision of the agent's failure policy where the agent cannot give one:
   * its audit has the reason, and it is counted and logged. An event that the agent does not take is allowed without asking,
   * and asks for the body where the agent takes that; a guardrail or a configuration is not, because allow would mean that
   * it was judged or applied. An agent that takes no event of an HTTP request at all fails.
   *
   * @throws AgentwireError for errors of the caller: `ERR_ABORTED`, `ERR_UNKNOWN_AGENT`, `ERR_DUPLICATE_REQUEST`,
   * `ERR_INVALID_STATE`, `ERR_INVALID_ARGUMENT`
   */
  decide(agent: string, event: Question, options?: PoolAskOptions): Promise<Decision> {
    try {
      return this.agentTable.get(agent).decide(event, options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Returns the decision of an agent's failure policy for an event whose own decision the caller could not use; counted and
   * logged as a failure of the agent.
   *
   * @param onFailure policy in place of the agent's own
   * @param id id of the request, for the log
   * @throws AgentwireError `ERR_UNKNOWN_AGENT`; `error` itself where it is the caller's own
   */
  decideFailure(
    agent: string,
    event: Question['type'],
    error: AgentwireError,
    onFailure?: FailurePolicy,
    id?: RequestId,
  ): Decision {
    return this.agentTable.get(agent).failures.decide(event, error, onFailure, id);
  }

  /**
   * Counts what an agent that is not obeyed would have decided, beside what was decided, in `agent_shadow_decisions_total`.
   *
   * @throws AgentwireError `ERR_UNKNOWN_AGENT`
   */
  recordShadow(agent: string, { decided, observed }: { readonly decided: string; readonly observed: string }): void {
    const { name } = this.agentTable.get(agent);
    this.#options.metrics.count('agent_shadow_decisions_total', { agent: name, decided, observed });
  }

  /** Returns whether the agent takes such events; `undefined` before it was ever connected. */
  handles(agent: string, type: Question['type'] | 'requestComplete'): boolean | undefined {
    return this.agentTable.get(agent).handles(type);
  }

  /**
   * Tells an agent that a request is over, also one that takes no heads of requests and was asked nothing.
   *
   * @returns whether it was told, or had been asked
   * @throws AgentwireError `ERR_UNKNOWN_AGENT`, `ERR_INVALID_ARGUMENT`
   */
  sendRequestComplete(agent: string, complete: Omit<RequestComplete, 'type'>): boolean {
    checkEvent(complete);
    return this.agentTable.get(agent).requests.complete(complete.id, complete);
  }

  /**
   * Cancels a request: its unanswered events reject with `ERR_ABORTED` before this resolves, and the agent is told. A request that is over, or
   * that the agent never had, changes nothing.
   *
   * @throws AgentwireError `ERR_UNKNOWN_AGENT`
   */
  async cancelRequest(agent: string, id: RequestId): Promise<Cancelled> {
    return this.agentTable.get(agent).requests.cancel(id);
  }

  /** Cancels every request of an agent, as {@link cancelRequest}. @throws AgentwireError `ERR_UNKNOWN_AGENT` */
  async cancelAll(agent: string): Promise<Cancelled> {
    return this.agentTable.get(agent).requests.cancelAll();
  }

  /** Begins to record, in a pool without a recorder: what is counted from now on, and what its gauges have now. */
  protected startMetrics(recorder: MetricsRecorder): void {
    this.#options.metrics.start(recorder);
    for (const { connections } of this.agentTable.all()) connections.recordGauges();
  }

  /**
   * Returns the recorder that the pool was given as `metrics`, for example a `MetricsCollector` of `@agentwire/metrics`.
   *
   * @throws AgentwireError `ERR_INVALID_STATE` for a pool without one; `AgentPool` of the package `agentwire` makes one then
   */
  metricsCollector(): MetricsRecorder {
    const { recorder } = this.#options.metrics;
    if (recorder !== undefined) return recorder;
    const message = 'the pool records nothing; give it a recorder: new AgentPool({ metrics: new MetricsCollector() })';
    throw new AgentwireError('ERR_INVALID_STATE', message);
  }

  /** Returns the health of an agent. @throws AgentwireError `ERR_UNKNOWN_AGENT` */
  getHealth(agent: string): AgentHealth {
    return healthOf(this.agentTable.get(agent), this.#options.clock);
  }

  /** Returns the health of each connection of an agent. @throws AgentwireError `ERR_UNKNOWN_AGENT` */
  getConnectionHealth(agent: string): readonly ConnectionHealth[] {
    return connectionHealthOf(this.agentTable.get(agent), this.#options.clock);
  }

  protected override stickySessionsOf(agent: string): ReturnType<AddAgentMethods['stickySessionsOf']> {
    return this.agentTable.get(agent).requests.sticky;
  }

  /** Sticky sessions of all agents that have not expired. */
  get stickySessionCount(): number {
    let count = 0;
    for (const { requests } of this.agentTable.all()) count += requests.sticky.size;
    return count;
  }

  /** `true` once it drains or is closed: it takes no more requests, and its agents leave it. */
  get closed(): boolean {
    return this.agentTable.closed;
  }

  get stats(): AgentPoolStats {
    return statsOf(this.agentTable.all());
  }

  async #stop(drainTimeoutMs: number): Promise<void> {
    this.#sweep.stop();
    await this.agentTable.stop(drainTimeoutMs);
  }

  /** Refuses new requests, waits for what is in flight (`drainTimeoutMs` at most), then closes. */
  drain(): Promise<void> {
    return this.#stop(this.#options.drainTimeoutMs);
  }

  /** Closes every connection; what is in flight fails with `ERR_CLOSED`. */
  close(): Promise<void> {
    return this.#stop(0);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Makes an {@link AgentPool}. */
export function createAgentPool(options?: AgentPoolOptions): AgentPool {
  return new AgentPool(options);
}
