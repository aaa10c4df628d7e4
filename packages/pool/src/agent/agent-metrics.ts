import type { AgentwireError, Decision } from '@agentwire/core';
import type { SafeHandle, SafeRecorder } from '@agentwire/core/internal';
import type { ShownGauges } from '../shown-gauges.ts';

/** Metrics of one agent, from the outcome of every event; each series is found once and kept. */
export class AgentMetrics {
  readonly #agent: string;
  readonly #recorder: SafeRecorder;
  /** Labels of counters that are per agent; frozen, so that a recorder finds them by identity. */
  readonly labels: Readonly<Record<'agent', string>>;
  readonly #requests = new Map<string, SafeHandle>();
  readonly #errors = new Map<string, SafeHandle>();
  readonly #gauges: ShownGauges;
  #duration: SafeHandle | undefined;

  constructor(agent: string, recorder: SafeRecorder, gauges: ShownGauges) {
    this.#agent = agent;
    this.#gauges = gauges;
    this.labels = Object.freeze({ agent });
    this.#recorder = recorder;
  }

  /** Sets a gauge of the agent. */
  gauge(metric: string, value: number): void {
    this.#gauges.set(this, metric, value);
  }

  /** Removes the gauges of the agent, which has left the pool. */
  remove(): void {
    this.#gauges.delete(this);
  }

  /** Records the outcome of one event and the time that it took. */
  record(outcome: Decision | AgentwireError, durationMs: number): void {
    if ('verdict' in outcome) this.#requestsOf(outcome.verdict.type).record(1);
    else {
      this.#errorsOf(outcome.code).record(1);
      if (outcome.code === 'ERR_ABORTED') this.#recorder.count('agent_cancelled_total', this.labels);
    }
    this.#duration ??= this.#recorder.handle(
      'histogram',
      'agent_request_duration_seconds',
      this.#of('decision', 'all'),
    );
    this.#duration.record(durationMs / 1000);
  }

  #requestsOf(decision: string): SafeHandle {
    let handle = this.#requests.get(decision);
    if (handle === undefined) {
      handle = this.#recorder.handle('counter', 'agent_requests_total', this.#of('decision', decision));
      this.#requests.set(decision, handle);
    }
    return handle;
  }

  #errorsOf(code: string): SafeHandle {
    let handle = this.#errors.get(code);
    if (handle === undefined) {
      handle = this.#recorder.handle('counter', 'agent_errors_total', this.#of('type', code));
      this.#errors.set(code, handle);
    }
    return handle;
  }

  #of(label: string, value: string): Readonly<Record<string, string>> {
    return { agent: this.#agent, [label]: value };
  }
}
