import { randomBytes } from 'node:crypto';
import type {
  Clock,
  HealthState,
  HealthStatus,
  MetricsReport,
  MetricsSource,
  OwnMetrics,
  ScalarMetric,
  TimerHandle,
} from '@agentwire/core';
import {
  checkOptions,
  containRejection,
  INSTANCE_METRIC,
  isAgentwire,
  OPTION,
  type OptionTable,
} from '@agentwire/core/internal';
import type { AgentSession } from '@agentwire/core/session';
import type { AgentRuntime } from '../runtime/agent-runtime.ts';
import { notifyProxy } from '../runtime/notify.ts';
import type { AgentReport, AgentStats, ReportedHealth } from './agent-server.ts';
import type { ResolvedServeOptions } from './options.ts';

const NONE: OwnMetrics = { counters: [], gauges: [], histograms: [] };
/** Longest time between two signs of a pause, in milliseconds: proxies treat one that is not renewed for 30 s as a dead agent. */
const RENEW_PAUSE_MS = 10_000;
const MAX_OWN_SERIES = 1_000;
const HEALTH: OptionTable<ReportedHealth> = {
  state: OPTION.oneOf('healthy', 'degraded', 'unhealthy'),
  message: OPTION.text,
  disabledFeatures: OPTION.listOf(OPTION.text),
  timeoutMultiplier: OPTION.number(1, 100),
  recoverable: OPTION.boolean,
};
const REPORT: OptionTable<AgentReport> = { health: OPTION.nested(HEALTH), metrics: OPTION.object };

/** Sends health and metrics reports to proxies that negotiated them, at an interval, and renews a pause. */
export class Reports {
  readonly #agentId: string;
  /** Name of this process, for receivers that add up the reports of several. */
  readonly #instance = randomBytes(6).toString('hex');
  readonly #runtime: AgentRuntime;
  readonly #intervalMs: number;
  readonly #stats: () => AgentStats;
  readonly #source: MetricsSource | undefined;
  #given: ReportedHealth = { state: 'healthy' };
  #givenMetrics: OwnMetrics = NONE;
  #clock: Clock | undefined;
  #timer: TimerHandle;

  constructor(
    agentId: string,
    runtime: AgentRuntime,
    { reportIntervalMs, metrics }: Pick<ResolvedServeOptions, 'reportIntervalMs' | 'metrics'>,
    stats: () => AgentStats,
  ) {
    this.#agentId = agentId;
    this.#runtime = runtime;
    this.#intervalMs = reportIntervalMs;
    this.#source = metrics;
    this.#stats = stats;
  }

  start(clock: Clock): void {
    this.#clock = clock;
    this.#wait(clock, this.#intervalMs);
  }

  /** Sends the reports after `restMs`, and renews a pause in time whatever their interval is. */
  #wait(clock: Clock, restMs: number): void {
    const waitMs = Math.min(restMs, RENEW_PAUSE_MS);
    this.#timer = clock.setTimeout(() => {
      this.#runtime.limiter.renewPause();
      if (restMs > waitMs) return this.#wait(clock, restMs - waitMs);
      this.send(this.#stats().draining);
      this.#wait(clock, this.#intervalMs);
    }, waitMs);
  }

  stop(): void {
    this.#clock?.clearTimeout(this.#timer);
  }

  /** Takes what the agent's own code reports from now on. @throws AgentwireError `ERR_INVALID_ARGUMENT` */
  set(report: AgentReport): void {
    checkOptions('report', report, REPORT);
    if (report.health !== undefined) this.#given = report.health;
    if (report.metrics !== undefined) this.#givenMetrics = report.metrics;
  }

  /** Sends both reports to every proxy that negotiated them. */
  send(draining: boolean): void {
    this.#sendTo(this.#runtime.sessions, draining);
  }

  #sendTo(sessions: Iterable<AgentSession>, draining: boolean): void {
    const health = this.#health(draining ? { state: 'draining' } : this.#given);
    const metrics = this.#metrics();
    for (const session of sessions) {
      notifyProxy(session, health, this.#runtime.logger);
      notifyProxy(session, metrics, this.#runtime.logger);
    }
  }

  /**
   * Sends both reports on a new connection, so that the proxy knows from the start how the agent is, and which connections lead to one process.
   * Other proxies than agentwire's may not expect a report before the first request.
   */
  greet(session: AgentSession, draining: boolean): void {
    const { peer } = session.connection;
    if (isAgentwire(peer)) this.#sendTo([session], draining);
  }

  #health({ message, ...given }: { readonly state: HealthState; readonly message?: string | undefined }): HealthStatus {
    const { running, events, overloaded, timeouts, connections } = this.#stats();
    const { average, p50, p95, p99 } = this.#runtime.calls.outcomes.latencies.summary();
    return {
      type: 'healthStatus',
      agentId: this.#agentId,
      ...given,
      ...(message !== undefined && { message, ...(given.state === 'unhealthy' && { unhealthyReason: message }) }),
      load: {
        inFlight: running,
        queueDepth: 0,
        averageLatencyMs: average,
        p50LatencyMs: p50,
        p95LatencyMs: p95,
        p99LatencyMs: p99,
        requestsProcessed: events,
        requestsRejected: overloaded,
        requestsTimedOut: timeouts,
      },
      resources: { memoryBytes: process.memoryUsage.rss(), connections },
      validUntilMs: this.#runtime.clock.wallNow() + 3 * this.#intervalMs,
      timestampMs: this.#runtime.clock.wallNow(),
    };
  }

  #metrics(): MetricsReport {
    const { events, decisions, failures, cancelled, running, connections } = this.#stats();
    const labels = { agent: this.#agentId };
    const scalar = (name: string, value: number, more: Record<string, string> = {}): ScalarMetric => ({
      name,
      labels: { ...labels, ...more },
      value,
    });
    const own = this.#own();
    return {
      type: 'metricsReport',
      agentId: this.#agentId,
      timestampMs: this.#runtime.clock.wallNow(),
      intervalMs: this.#intervalMs,
      counters: [
        scalar('agent_events_total', events),
        ...Object.entries(decisions).map(([decision, count]) => scalar('agent_decisions_total', count, { decision })),
        scalar('agent_handler_failures_total', failures),
        scalar('agent_handler_cancelled_total', cancelled),
        ...own.counters,
      ],
      gauges: [
        scalar(INSTANCE_METRIC, 1, { instance: this.#instance }),
        scalar('agent_handlers_running', running),
        scalar('agent_connections', connections),
        ...own.gauges,
      ],
      histograms: own.histograms,
    };
  }

  /** Reads the agent's own metrics; a source that fails is logged, and the rest is reported without it. */
  #own(): OwnMetrics {
    if (this.#source === undefined && this.#givenMetrics === NONE) return NONE;
    const failed = (error: unknown): void =>
      this.#runtime.logger.error({ err: error }, "the source of an agent's own metrics failed");
    try {
      const source = this.#source?.report() ?? NONE;
      // of an async one there is nothing to report yet
      containRejection(source, failed);
      const counters = [...source.counters, ...(this.#givenMetrics.counters ?? [])];
      const gauges = [...source.gauges, ...(this.#givenMetrics.gauges ?? [])];
      const histograms = [...source.histograms, ...(this.#givenMetrics.histograms ?? [])];
      const first = <T>(list: readonly T[], before: number): readonly T[] =>
        list.slice(0, Math.max(0, MAX_OWN_SERIES - before));
      return {
        counters: first(counters, 0),
        gauges: first(gauges, counters.length),
        histograms: first(histograms, counters.length + gauges.length),
      };
    } catch (error) {
      failed(error);
      return NONE;
    }
  }
}
