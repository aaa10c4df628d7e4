import type { MetricsReport, MetricType } from '@agentwire/core';
import type { DropReason } from './dropped-measurements.ts';
import { helpOf, METRIC_NAME } from './families.ts';
import { LABEL_NAME, labelValue, type MetricFamily } from './family.ts';
import { HistogramSeries, ScalarSeries, type Series } from './series.ts';

const MAX_SERIES_PER_AGENT = 1_000;
const MAX_BUCKETS = 100;

interface Reported {
  readonly name: string;
  readonly type: MetricType;
  readonly help: string;
  readonly series: Series;
}

/** Latest report of each agent. A report replaces the one before, so series of an agent never add up. */
export class ReportedMetrics {
  readonly #byAgent = new Map<string, readonly Reported[]>();
  readonly #maxSeries: number;
  #count = 0;

  constructor(maxSeries: number) {
    this.#maxSeries = maxSeries;
  }

  /** Replaces an agent's report. `wallMs` is the time now. @returns why a part of it was dropped, if any was */
  set(
    agent: string,
    report: MetricsReport,
    wallMs: number,
    reserved: (name: string) => boolean,
  ): DropReason | undefined {
    // a clock that is ahead would outlast the reports after it
    const atMs = Math.min(report.timestampMs, wallMs) || 0;
    this.delete(agent);
    const room = Math.min(MAX_SERIES_PER_AGENT, this.#maxSeries - this.#count);
    const kept: Reported[] = [];
    const types = new Map<string, MetricType>();
    const keys = new Set<string>();
    let dropped: DropReason | undefined;
    for (const one of seriesOf(agent, report)) {
      const key = `${one.name}${JSON.stringify(one.series.labels)}`;
      if (reserved(one.name) || !METRIC_NAME.test(one.name)) dropped = 'name';
      else if (kept.length >= room) dropped = 'series';
      else if ((types.get(one.name) ?? one.type) !== one.type || keys.has(key)) dropped = 'type';
      else {
        types.set(one.name, one.type);
        keys.add(key);
        one.series.reportedAtMs = atMs;
        kept.push(one);
      }
    }
    this.#count += kept.length;
    this.#byAgent.set(agent, kept);
    return dropped;
  }

  delete(agent: string): void {
    this.#count -= this.#byAgent.get(agent)?.length ?? 0;
    this.#byAgent.delete(agent);
  }

  /** One family per name; where agents disagree on its type, that of the first one stays. */
  families(): MetricFamily[] {
    const families = new Map<string, MetricFamily & { readonly series: Series[] }>();
    for (const { name, type, help, series } of [...this.#byAgent.values()].flat()) {
      const family = families.get(name);
      if (family === undefined) families.set(name, { name, type, help, series: [series] });
      else if (family.type === type) family.series.push(series);
    }
    return [...families.values()];
  }
}

function* seriesOf(agent: string, report: MetricsReport): Generator<Reported> {
  const labelsOf = (labels: Readonly<Record<string, string>>): Record<string, string> =>
    Object.fromEntries([
      ...Object.entries(labels)
        .filter(([name]) => LABEL_NAME.test(name) && name !== 'agent')
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .slice(0, 16)
        .map(([name, value]) => [name, labelValue(value)] as const),
      ['agent', labelValue(agent)],
    ]);
  const scalar = (type: MetricType, one: MetricsReport['counters'][number]): Reported => ({
    name: one.name,
    type,
    help: one.help ?? helpOf(one.name),
    series: Object.assign(new ScalarSeries(labelsOf(one.labels)), { value: one.value }),
  });
  for (const one of report.counters) yield scalar('counter', one);
  for (const one of report.gauges) yield scalar('gauge', one);
  for (const { name, help, labels, sum, buckets } of report.histograms) {
    const finite = buckets
      .filter(({ le }) => Number.isFinite(le))
      .slice(0, MAX_BUCKETS)
      .toSorted((a, b) => a.le - b.le);
    const series = new HistogramSeries(
      labelsOf(labels),
      finite.map(({ le }) => le),
    );
    // the report's counts are cumulative; a fall is a mistake of the agent, and counts as no observation
    let below = 0;
    for (const [at, { count }] of finite.entries()) {
      series.counts[at] = Math.max(0, count - below);
      below = Math.max(below, count);
    }
    const all = buckets.find(({ le }) => le === Infinity)?.count ?? below;
    series.counts[finite.length] = Math.max(0, all - below);
    series.sum = sum;
    yield { name, type: 'histogram', help: help ?? helpOf(name), series };
  }
}
