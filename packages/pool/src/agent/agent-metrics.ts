import type { AgentwireError, Decision, MetricsRecorder } from '@agentwire/core';
import { noMetrics } from '@agentwire/core/internal';

/** Health by success rate: healthy over 95 %, degraded from 80 %, else unhealthy. */
export type HealthVerdict = 'healthy' | 'degraded' | 'unhealthy';

const WINDOW = 100;
const WEIGHT = 0.1;

/** Last 100 outcomes of an agent and its moving average latency. */
class HealthWindow {
  readonly #outcomes = new Uint8Array(WINDOW);
  #count = 0;
  #at = 0;
  #successes = 0;
  /** Moving average of successful answers, in milliseconds. */
  averageLatencyMs = 0;

  /** Records one outcome. */
  record(success: boolean, durationMs: number): void {
    if (this.#count === WINDOW) this.#successes -= this.#outcomes[this.#at] ?? 0;
    else this.#count += 1;
    this.#outcomes[this.#at] = success ? 1 : 0;
    this.#at = (this.#at + 1) % WINDOW;
    if (!success) return;
    this.#successes += 1;
    const average = this.averageLatencyMs;
    this.averageLatencyMs = average === 0 ? durationMs : average + WEIGHT * (durationMs - average);
  }

  /** Success rate from 0 to 1; 1 before the first outcome. */
  get successRate(): number {
    return this.#count === 0 ? 1 : this.#successes / this.#count;
  }

  get verdict(): HealthVerdict {
    if (this.successRate > 0.95) return 'healthy';
    return this.successRate >= 0.8 ? 'degraded' : 'unhealthy';
  }
}

type DecisionLabels = Readonly<Record<'agent' | 'decision', string>>;

/** Health and metrics of one agent, from the outcome of every event. */
export class AgentMetrics {
  readonly health: HealthWindow = new HealthWindow();
  readonly #agent: string;
  readonly #recorder: MetricsRecorder | undefined;
  /** Labels of metrics that are per agent; frozen, so that a recorder finds them by identity. */
  readonly labels: Readonly<Record<'agent', string>>;
  readonly #labelsOf = new Map<string, DecisionLabels>();

  constructor(agent: string, recorder: MetricsRecorder) {
    this.#agent = agent;
    this.labels = Object.freeze({ agent });
    this.#recorder = recorder === noMetrics ? undefined : recorder;
  }

  /** Records the outcome of one event and the time that it took. */
  record(outcome: Decision | AgentwireError, durationMs: number): void {
    const recorder = this.#recorder;
    if ('verdict' in outcome) {
      this.health.record(true, durationMs);
      recorder?.count('agent_requests_total', this.#labels(outcome.verdict.type));
    } else {
      if (outcome.code !== 'ERR_ABORTED') this.health.record(false, durationMs);
      recorder?.count('agent_errors_total', { agent: this.#agent, type: outcome.code });
    }
    recorder?.observe('agent_request_duration_seconds', this.#labels('all'), durationMs / 1000);
  }

  #labels(decision: string): DecisionLabels {
    let labels = this.#labelsOf.get(decision);
    if (labels === undefined) this.#labelsOf.set(decision, (labels = Object.freeze({ agent: this.#agent, decision })));
    return labels;
  }
}
