import type { MetricLabels } from '@agentwire/core/internal';
import type { MetricDefinition, MetricType } from './families.ts';
import { DURATION_BUCKETS } from './families.ts';
import { HistogramSeries, ScalarSeries, type Series } from './series.ts';

export const METRIC_NAME: RegExp = /^[a-zA-Z_:][a-zA-Z0-9_:]{0,255}$/;
export const LABEL_NAME: RegExp = /^(?!__)(?!le$)[a-zA-Z_][a-zA-Z0-9_]{0,127}$/;
const MAX_LABEL_LENGTH = 256;

/** One metric as it is read: its definition and the values of its series. */
export interface MetricFamily {
  readonly name: string;
  readonly type: MetricType;
  readonly help: string;
  readonly series: readonly Series[];
}

/** Label value as it is stored: well-formed Unicode, at most 256 characters. */
export function labelValue(value: string): string {
  const text = value.length > MAX_LABEL_LENGTH ? `${value.slice(0, MAX_LABEL_LENGTH - 1)}…` : value;
  return text.toWellFormed();
}

/** Metric with its series, one per set of labels. */
export class Family {
  readonly name: string;
  readonly type: MetricType;
  readonly help: string;
  readonly #buckets: readonly number[];
  readonly #series = new Map<string, Series>();
  // callers keep their label objects, so most look-ups end at the last one or in the WeakMap, without building a key
  #byObject = new WeakMap<MetricLabels, Series>();
  #lastLabels: MetricLabels | undefined;
  #last: Series | undefined;

  constructor(name: string, definition: MetricDefinition) {
    this.name = name;
    this.type = definition.type;
    this.help = definition.help;
    this.#buckets = definition.buckets ?? DURATION_BUCKETS;
  }

  get size(): number {
    return this.#series.size;
  }

  read(): MetricFamily {
    return { name: this.name, type: this.type, help: this.help, series: [...this.#series.values()] };
  }

  /** Removes the series whose label has that value. @returns how many there were */
  remove(label: string, value: string): number {
    const before = this.#series.size;
    const stored = labelValue(value);
    for (const [key, { labels }] of this.#series) if (labels[label] === stored) this.#series.delete(key);
    this.#byObject = new WeakMap();
    this.#lastLabels = undefined;
    return before - this.#series.size;
  }

  /** Series of `labels`, created if `mayCreate` allows; `undefined` otherwise. */
  of(labels: MetricLabels, mayCreate: () => boolean): Series | undefined {
    if (labels === this.#lastLabels) return this.#last;
    let series = this.#byObject.get(labels);
    if (series === undefined) {
      series = this.#byKey(labels, mayCreate);
      if (series === undefined) return undefined;
      // only frozen labels can be told apart by identity: others may change between two calls
      if (!Object.isFrozen(labels)) return series;
      this.#byObject.set(labels, series);
    }
    this.#lastLabels = labels;
    this.#last = series;
    return series;
  }

  #byKey(labels: MetricLabels, mayCreate: () => boolean): Series | undefined {
    const names = Object.keys(labels).toSorted();
    const own = Object.fromEntries(names.map((name) => [name, labelValue(String(labels[name]))]));
    const key = JSON.stringify(own);
    let series = this.#series.get(key);
    if (series !== undefined) return series;
    if (!mayCreate()) return undefined;
    series = this.type === 'histogram' ? new HistogramSeries(own, this.#buckets) : new ScalarSeries(own);
    this.#series.set(key, series);
    return series;
  }
}
