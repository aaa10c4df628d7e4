import type { MetricLabels } from '@agentwire/core/internal';

/** Trace that an observation belongs to, shown beside its bucket in OpenMetrics. */
export interface Exemplar {
  readonly traceId: string;
  readonly value: number;
  readonly timestampMs: number;
}

/** Value of a counter or gauge with one set of labels. */
export class ScalarSeries {
  readonly labels: MetricLabels;
  value = 0;

  constructor(labels: MetricLabels) {
    this.labels = labels;
  }
}

/** Buckets, sum and count of a histogram with one set of labels. */
export class HistogramSeries {
  readonly labels: MetricLabels;
  readonly bounds: readonly number[];
  /** Observations per bucket, not cumulative; the last one is that of infinity. */
  readonly counts: Float64Array;
  readonly exemplars: (Exemplar | undefined)[];
  sum = 0;

  constructor(labels: MetricLabels, bounds: readonly number[]) {
    this.labels = labels;
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
    this.exemplars = [];
  }

  observe(value: number, exemplar?: Exemplar): void {
    let low = 0;
    let high = this.bounds.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (value <= (this.bounds[middle] as number)) high = middle;
      else low = middle + 1;
    }
    this.counts[low] = (this.counts[low] as number) + 1;
    this.sum += value;
    if (exemplar !== undefined) this.exemplars[low] = exemplar;
  }

  get count(): number {
    let count = 0;
    for (const one of this.counts) count += one;
    return count;
  }
}

export type Series = ScalarSeries | HistogramSeries;
