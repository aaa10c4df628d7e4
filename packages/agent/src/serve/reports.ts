import type { Clock, HealthState, HealthStatus, MetricsReport, ScalarMetric, TimerHandle } from '@agentwire/core';
import type { AgentRuntime } from '../runtime/agent-runtime.ts';
import { notifyProxy } from '../runtime/notify.ts';
import type { AgentStats } from './agent-server.ts';

/** Sends health and metrics reports to proxies that negotiated them, at an interval, and renews a pause. */
export class Reports {
  readonly #agentId: string;
  readonly #runtime: AgentRuntime;
  readonly #intervalMs: number;
  readonly #stats: () => AgentStats;
  #clock: Clock | undefined;
  #timer: TimerHandle;

  constructor(agentId: string, runtime: AgentRuntime, intervalMs: number, stats: () => AgentStats) {
    this.#agentId = agentId;
    this.#runtime = runtime;
    this.#intervalMs = intervalMs;
    this.#stats = stats;
  }

  start(clock: Clock): void {
    this.#clock = clock;
    this.#timer = clock.setTimeout(() => {
      this.#runtime.limiter.renewPause();
      this.send(this.#stats().draining ? 'draining' : 'healthy');
      this.start(clock);
    }, this.#intervalMs);
  }

  stop(): void {
    this.#clock?.clearTimeout(this.#timer);
  }

  /** Sends both reports to every proxy that negotiated them. */
  send(state: HealthState): void {
    const health = this.#health(state);
    const metrics = this.#metrics();
    for (const session of this.#runtime.sessions) {
      notifyProxy(session, health, this.#runtime.logger);
      notifyProxy(session, metrics, this.#runtime.logger);
    }
  }

  #health(state: HealthState): HealthStatus {
    const { running, events, overloaded, timeouts, connections } = this.#stats();
    const { average, p50, p95, p99 } = this.#runtime.calls.latencies.summary();
    return {
      type: 'healthStatus',
      agentId: this.#agentId,
      state,
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
    return {
      type: 'metricsReport',
      agentId: this.#agentId,
      timestampMs: this.#runtime.clock.wallNow(),
      intervalMs: this.#intervalMs,
      counters: [
        scalar('agent_events_total', events),
        ...Object.entries(decisions).map(([decision, count]) => scalar('agent_decisions_total', count, { decision })),
        scalar('agent_handler_failures_total', failures),
        scalar('agent_cancelled_total', cancelled),
      ],
      gauges: [scalar('agent_handlers_running', running), scalar('agent_connections', connections)],
      histograms: [],
    };
  }
}
