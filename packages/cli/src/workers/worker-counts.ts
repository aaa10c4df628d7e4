import type { MetricsCollector } from '@agentwire/metrics';
import { type ProcessMetrics, snapshotOf } from '@agentwire/metrics/internal';
import type { Worker, WorkerState } from './worker.ts';

const SHOWN: readonly WorkerState[] = ['starting', 'ready', 'draining'];

/** Metrics of a gateway with workers that its primary process counts, as those of one more process. */
export class WorkerCounts {
  readonly #collector: MetricsCollector;

  constructor(collector: MetricsCollector) {
    this.#collector = collector;
    // there from the start, so that the first failure is an increase
    for (const reason of ['crashed', 'hung']) collector.count('gateway_worker_failures_total', { reason }, 0);
  }

  failed({ hung }: Worker): void {
    this.#collector.count('gateway_worker_failures_total', { reason: hung ? 'hung' : 'crashed' });
  }

  read(workers: readonly Worker[]): ProcessMetrics {
    for (const state of SHOWN) {
      const count = workers.filter((worker) => worker.state === state).length;
      this.#collector.gauge('gateway_workers', { state }, count);
    }
    return snapshotOf(this.#collector.families()).families;
  }
}
