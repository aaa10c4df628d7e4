import type { Logger } from '@agentwire/core';
import type { MetricFamily } from './family.ts';
import { ScalarSeries } from './series.ts';

/** Reason for which a measurement is dropped. */
export type DropReason = 'series' | 'name' | 'type' | 'value';

export const DROPPED = 'agentwire_metrics_dropped_total';

/** Counts of measurements that were dropped; the first of each reason is logged. */
export class DroppedMeasurements {
  readonly #series = new Map<DropReason, ScalarSeries>();
  readonly #logger: Logger | undefined;
  readonly #maxSeries: number;

  constructor(logger: Logger | undefined, maxSeries: number) {
    this.#logger = logger;
    this.#maxSeries = maxSeries;
  }

  /** Returns whether any was dropped for that reason. */
  has(reason: DropReason): boolean {
    return this.#series.has(reason);
  }

  /** Counts one. @param metric name for the log */
  add(reason: DropReason, metric: unknown): undefined {
    let series = this.#series.get(reason);
    if (series === undefined) {
      this.#series.set(reason, (series = new ScalarSeries({ reason })));
      this.#logger?.warn(
        { metric: String(metric).slice(0, 256), reason, maxSeries: this.#maxSeries },
        `measurements are dropped; see ${DROPPED}`,
      );
    }
    series.value += 1;
  }

  /** Returns the counter; none before the first drop. */
  read(): MetricFamily[] {
    if (this.#series.size === 0) return [];
    const help = 'Measurements that were dropped, by reason.';
    return [{ name: DROPPED, type: 'counter', help, series: [...this.#series.values()] }];
  }
}
