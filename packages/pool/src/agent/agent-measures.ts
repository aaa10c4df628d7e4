import { AgentwireError, type Decision, type MetricsRecorder } from '@agentwire/core';
import { HealthWindow } from './health-window.ts';

type DecisionLabels = Readonly<Record<'agent' | 'decision', string>>;

/** What is counted of every answer of one agent: its health and its metrics. */
export class AgentMeasures {
  readonly health: HealthWindow = new HealthWindow();
  readonly #agent: string;
  readonly #metrics: MetricsRecorder;
  readonly #labelsOf = new Map<string, DecisionLabels>();

  constructor(agent: string, metrics: MetricsRecorder) {
    this.#agent = agent;
    this.#metrics = metrics;
  }

  /** Notes how one question ended. @param durationMs how long that took */
  note(outcome: Decision | AgentwireError, durationMs: number): void {
    if (outcome instanceof AgentwireError) {
      if (outcome.code !== 'ERR_ABORTED') this.health.record(false, durationMs);
      this.#metrics.count('agent_errors_total', { agent: this.#agent, type: outcome.code });
    } else {
      this.health.record(true, durationMs);
      this.#metrics.count('agent_requests_total', this.#labels(outcome.verdict.type));
    }
    this.#metrics.observe('agent_request_duration_seconds', this.#labels('all'), durationMs / 1000);
  }

  #labels(decision: string): DecisionLabels {
    let labels = this.#labelsOf.get(decision);
    if (labels === undefined) this.#labelsOf.set(decision, (labels = { agent: this.#agent, decision }));
    return labels;
  }
}
