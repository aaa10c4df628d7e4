import type { MetricType } from '@agentwire/core';
import type { MetricLabels } from '@agentwire/core/internal';
import type { MetricDefinition } from './families.ts';
import { DURATION_BUCKETS } from './families.ts';
import {
  CounterSeries,
  type ExemplarSource,
  GaugeSeries,
  HistogramSeries,
  type RecordedSeries,
  type Series,
} from './series.ts';

export const LABEL_NAME: RegExp = /^(?!__)(?!le$)[a-zA-Z_][a-zA-Z0-9_]{0,127}$/;
const MAX_LABEL_LENGTH = 256;

/** One metric as it is read: its definition and the values of its series. */
export interface MetricFamily {
  readonly name: string;
  readonly type: MetricType;
  readonly help: string;
  readonly series: readonly Series[];
}

/** Returns well-formed Unicode without NUL, which ends a page for Prometheus: it would refuse all metrics for one text. */
export function writable(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\u{FFFD}');
}

/** Label value as it is stored: text that Prometheus reads, at most 256 characters. */
export function labelValue(value: string): string {
  const text = value.length > MAX_LABEL_LENGTH ? `${value.slice(0, MAX_LABEL_LENGTH - 1)}…` : value;
  return writable(text);
}

/** Metric with its series, one per set of labels. */
export class Family {
  readonly name: string;
  readonly type: MetricType;
  readonly help: string;
  readonly #buckets: readonly number[];
  readonly #exemplarOf: ExemplarSource | undefined;
  readonly #series = new Map<string, RecordedSeries>();
  // callers keep their label objects, so most look-ups end at the last one or in the WeakMap, without building a key
  #byObject = new WeakMap<MetricLabels, RecordedSeries>();
  #lastLabels: MetricLabels | undefined;
  #last: RecordedSeries | undefined;

  constructor(name: string, definition: MetricDefinition, exemplarOf: ExemplarSource | undefined) {
    this.name = name;
    this.type = definition.type;
    this.help = definition.help;
    this.#buckets = definition.buckets ?? DURATION_BUCKETS;
    this.#exemplarOf = exemplarOf;
  }

  get size(): number {
    return this.#series.size;
  }

  read(): MetricFamily {
    return { name: this.name, type: this.type, help: this.help, series: [...this.#series.values()] };
  }

  /** Removes the series that have these labels, whatever other ones they have. @returns how many there were */
  remove(labels: MetricLabels): number {
    const before = this.#series.size;
    const wanted = Object.entries(stored(labels));
    for (const [key, series] of this.#series) {
      if (wanted.some(([label, text]) => series.labels[label] !== text)) continue;
      series.remove();
      this.#series.delete(key);
    }
    this.#byObject = new WeakMap();
    this.#lastLabels = undefined;
    return before - this.#series.size;
  }

  /** Returns the series of these labels; `undefined` where there is none. */
  find(labels: MetricLabels): RecordedSeries | undefined {
    if (labels === this.#lastLabels) return this.#last;
    let series = this.#byObject.get(labels);
    if (series === undefined) {
      series = this.#series.get(keyOf(stored(labels)));
      if (series === undefined) return undefined;
      this.#remember(labels, series);
    } else {
      this.#lastLabels = labels;
      this.#last = series;
    }
    return series;
  }

  /** Adds the series of these labels, which must be new. */
  add(labels: MetricLabels): RecordedSeries {
    const own = stored(labels);
    const series = this.#create(own);
    this.#series.set(keyOf(own), series);
    this.#remember(labels, series);
    return series;
  }

  #create(labels: MetricLabels): RecordedSeries {
    if (this.type === 'histogram') return new HistogramSeries(labels, this.#buckets, this.#exemplarOf);
    return this.type === 'counter' ? new CounterSeries(labels) : new GaugeSeries(labels);
  }

  /** Remembers frozen labels by identity: others may change between two calls. */
  #remember(labels: MetricLabels, series: RecordedSeries): void {
    if (!Object.isFrozen(labels)) return;
    this.#byObject.set(labels, series);
    this.#lastLabels = labels;
    this.#last = series;
  }
}

/** Labels as they are stored, in order of their names. */
function stored(labels: MetricLabels): MetricLabels {
  const names = Object.keys(labels).toSorted();
  return Object.fromEntries(names.map((name) => [name, labelValue(String(labels[name]))]));
}

const keyOf = (labels: MetricLabels): string => JSON.stringify(labels);

/** Returns the names of a family's samples and of the family itself, in both text formats. */
export function sampleNames({ name, type }: Pick<MetricFamily, 'name' | 'type'>): readonly string[] {
  if (type === 'histogram') return [name, ...['bucket', 'sum', 'count', 'created'].map((part) => `${name}_${part}`)];
  if (type === 'gauge') return [name];
  const base = name.replace(/_total$/, '');
  return [base, `${base}_total`, `${base}_created`];
}
