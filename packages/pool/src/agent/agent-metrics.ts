import type { AgentwireError, Decision, MetricsRecorder } from '@agentwire/core';

type DecisionLabels = Readonly<Record<'agent' | 'decision', string>>;

/** Metrics of one agent, from the outcome of every event. */
export class AgentMetrics {
  readonly #agent: string;
  readonly #recorder: MetricsRecorder;
  /** Labels of metrics that are per agent; frozen, so that a recorder finds them by identity. */
  readonly labels: Readonly<Record<'agent', string>>;
  readonly #labelsOf = new Map<string, DecisionLabels>();

  constructor(agent: string, recorder: MetricsRecorder) {
    this.#agent = agent;
    this.labels = Object.freeze({ agent });
    this.#recorder = recorder;
  }

  /** Records the outcome of one event and the time that it took. */
  record(outcome: Decision | AgentwireError, durationMs: number): void {
    const recorder = this.#recorder;
    if ('verdict' in outcome) recorder.count('agent_requests_total', this.#labels(outcome.verdict.type));
    else {
      recorder.count('agent_errors_total', { agent: this.#agent, type: outcome.code });
      if (outcome.code === 'ERR_ABORTED') recorder.count('agent_cancelled_total', this.labels);
    }
    recorder.observe('agent_request_duration_seconds', this.#labels('all'), durationMs / 1000);
  }

  #labels(decision: string): DecisionLabels {
    let labels = this.#labelsOf.get(decision);
    if (labels === undefined) this.#labelsOf.set(decision, (labels = Object.freeze({ agent: this.#agent, decision })));
    return labels;
  }
}
