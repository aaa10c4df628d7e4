import type { MetricType } from '@agentwire/core';
import type { MetricLabels } from '@agentwire/core/internal';
import { DROPPED, type DroppedMeasurements } from './dropped-measurements.ts';
import { checkDefinition, helpOf, KNOWN_METRICS, METRIC_NAME, type MetricDefinition } from './families.ts';
import { Family, LABEL_NAME, type MetricFamily } from './family.ts';
import type { ExemplarSource, RecordedSeries } from './series.ts';

/** Metrics that this process records, by name, bounded by the number of their series. */
export class FamilyTable {
  readonly #families = new Map<string, Family>();
  readonly #definitions: Readonly<Record<string, MetricDefinition>>;
  readonly #maxSeries: number;
  readonly #dropped: DroppedMeasurements;
  readonly #exemplarOf: ExemplarSource | undefined;
  #seriesCount = 0;

  /** @throws AgentwireError `ERR_INVALID_ARGUMENT` naming a wrong definition */
  constructor(
    definitions: Readonly<Record<string, MetricDefinition>> | undefined,
    maxSeries: number,
    dropped: DroppedMeasurements,
    exemplarOf: ExemplarSource | undefined,
  ) {
    this.#definitions = Object.assign(Object.create(null) as object, KNOWN_METRICS, definitions);
    for (const [name, definition] of Object.entries(this.#definitions)) checkDefinition(name, definition);
    this.#maxSeries = maxSeries;
    this.#dropped = dropped;
    this.#exemplarOf = exemplarOf;
  }

  /** Returns whether a metric of that name is, or may be, recorded here, so that no report may use it. */
  reserves(name: string): boolean {
    return name === DROPPED || name in this.#definitions || this.#families.has(name);
  }

  /** Returns the series of these labels, created where it is new; `undefined` where it had to be dropped. */
  series(name: string, type: MetricType, labels: MetricLabels): RecordedSeries | undefined {
    const family = this.#families.get(name);
    if (family === undefined) return this.#addFamily(name, type, labels);
    if (family.type !== type) return this.#dropped.add('type', name);
    try {
      return family.find(labels) ?? this.#addSeries(family, labels);
    } catch {
      // labels that are no object, or that throw when they are read
      return this.#dropped.add('name', name);
    }
  }

  #addFamily(name: string, type: MetricType, labels: MetricLabels): RecordedSeries | undefined {
    if (!METRIC_NAME.test(name)) return this.#dropped.add('name', name);
    const family = new Family(name, this.#definitions[name] ?? { type, help: helpOf(name) }, this.#exemplarOf);
    if (family.type !== type) return this.#dropped.add('type', name);
    try {
      const series = this.#addSeries(family, labels);
      // a family without series would not be bounded
      if (series !== undefined) this.#families.set(name, family);
      return series;
    } catch {
      return this.#dropped.add('name', name);
    }
  }

  #addSeries(family: Family, labels: MetricLabels): RecordedSeries | undefined {
    if (this.#seriesCount >= this.#maxSeries) return this.#dropped.add('series', family.name);
    if (!Object.keys(labels).every((label) => LABEL_NAME.test(label))) return this.#dropped.add('name', family.name);
    const series = family.add(labels);
    this.#seriesCount += 1;
    return series;
  }

  /** Removes every series of an agent. */
  removeAgent(agent: string): void {
    for (const name of this.#families.keys()) this.remove(name, { agent });
  }

  /** Removes the series of a metric that have these labels. */
  remove(name: string, labels: MetricLabels): void {
    const family = this.#families.get(name);
    if (family === undefined) return;
    this.#seriesCount -= family.remove(labels);
    if (family.size === 0) this.#families.delete(name);
  }

  read(): MetricFamily[] {
    return Array.from(this.#families.values(), (family) => family.read());
  }
}
