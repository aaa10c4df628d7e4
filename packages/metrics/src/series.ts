import type { MetricLabels } from '@agentwire/core/internal';

/** Trace that an observation belongs to, shown beside its bucket in OpenMetrics. */
export interface Exemplar {
  readonly traceId: string;
  readonly value: number;
  readonly timestampMs: number;
}

/** Makes the exemplar of an observation; `undefined` outside of a trace. */
export type ExemplarSource = (value: number) => Exemplar | undefined;

/** Value of a counter or gauge with one set of labels. */
export class ScalarSeries {
  readonly labels: MetricLabels;
  value = 0;
  /** Time of the agent's report that it is from, in milliseconds since 1970; `undefined` for what was recorded. */
  reportedAtMs: number | undefined = undefined;
  /** Process of the agent that reported it; empty where the agent does not tell. */
  reportedBy: string | undefined = undefined;

  constructor(labels: MetricLabels) {
    this.labels = labels;
  }
}

/** Counter that a collector records. */
export class CounterSeries extends ScalarSeries {
  #removed = false;

  /** `true` once it was removed from its collector. */
  get removed(): boolean {
    return this.#removed;
  }

  remove(): void {
    this.#removed = true;
  }

  /** Adds to it. @returns `false` for a value that is negative or not finite */
  record(value: number): boolean {
    // text from JavaScript would be appended
    if (typeof value !== 'number' || !(value >= 0 && value < Infinity)) return false;
    this.value += value;
    return true;
  }
}

/** Gauge that a collector records. */
export class GaugeSeries extends ScalarSeries {
  #removed = false;

  /** `true` once it was removed from its collector. */
  get removed(): boolean {
    return this.#removed;
  }

  remove(): void {
    this.#removed = true;
  }

  /** Sets it. @returns `false` for a value that is no number */
  record(value: number): boolean {
    if (typeof value !== 'number') return false;
    this.value = value;
    return true;
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
  /** Time of the agent's report that it is from, in milliseconds since 1970; `undefined` for what was recorded. */
  reportedAtMs: number | undefined = undefined;
  /** Process of the agent that reported it; empty where the agent does not tell. */
  reportedBy: string | undefined = undefined;
  #removed = false;
  readonly #exemplarOf: ExemplarSource | undefined;

  constructor(labels: MetricLabels, bounds: readonly number[], exemplarOf?: ExemplarSource) {
    this.labels = labels;
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
    this.exemplars = [];
    this.#exemplarOf = exemplarOf;
  }

  /** `true` once it was removed from its collector. */
  get removed(): boolean {
    return this.#removed;
  }

  remove(): void {
    this.#removed = true;
  }

  /** Adds an observation. @returns `false` for a value that is not finite */
  record(value: number): boolean {
    if (!Number.isFinite(value)) return false;
    const { bounds, counts } = this;
    let low = 0;
    let high = bounds.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (value <= (bounds[middle] as number)) high = middle;
      else low = middle + 1;
    }
    counts[low] = (counts[low] as number) + 1;
    this.sum += value;
    const exemplar = this.#exemplarOf?.(value);
    if (exemplar !== undefined) this.exemplars[low] = exemplar;
    return true;
  }

  get count(): number {
    let count = 0;
    for (const one of this.counts) count += one;
    return count;
  }
}

/** Series that a collector records. */
export type RecordedSeries = CounterSeries | GaugeSeries | HistogramSeries;

/** Series as it is read. */
export type Series = ScalarSeries | HistogramSeries;
