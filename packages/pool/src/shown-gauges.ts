import type { SafeRecorder } from '@agentwire/core/internal';

/** Gauges of which the largest value counts: states. Others are added up. */
const STATES: ReadonlySet<string> = new Set(['agent_circuit_breaker_state']);

/**
 * Gauges of all agents that are shown under one name: one that replaces another has the same series while that one finishes its requests,
 * and alone once it is removed.
 */
export class ShownGauges {
  readonly #labels: Readonly<Record<'agent', string>>;
  readonly #recorder: SafeRecorder;
  readonly #byMetric = new Map<string, Map<object, number>>();

  constructor(agent: string, recorder: SafeRecorder) {
    this.#labels = Object.freeze({ agent });
    this.#recorder = recorder;
  }

  /** Sets a gauge of one of the agents. */
  set(agent: object, metric: string, value: number): void {
    const values = this.#byMetric.get(metric) ?? new Map<object, number>();
    this.#byMetric.set(metric, values.set(agent, value));
    this.#record(metric, values);
  }

  /** Removes the values of an agent. */
  delete(agent: object): void {
    for (const [metric, values] of this.#byMetric) if (values.delete(agent)) this.#record(metric, values);
  }

  #record(metric: string, values: ReadonlyMap<object, number>): void {
    let total = 0;
    for (const value of values.values()) total = STATES.has(metric) ? Math.max(total, value) : total + value;
    this.#recorder.gauge(metric, this.#labels, total);
  }
}
