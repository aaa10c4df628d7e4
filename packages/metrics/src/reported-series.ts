import type { MetricsReport, MetricType } from '@agentwire/core';
import { helpOf } from './families.ts';
import { LABEL_NAME, labelValue } from './family.ts';
import { HistogramSeries, ScalarSeries, type Series } from './series.ts';

const MAX_BUCKETS = 100;
/** Longest help text of a report, in characters. */
const MAX_HELP_LENGTH = 1_024;

/** One series of a report. */
export interface Reported {
  readonly name: string;
  readonly type: MetricType;
  readonly help: string;
  readonly series: Series;
}

/** Returns the help of a metric of a report, cut where it is too long. */
function helpIn({ name, help }: { readonly name: string; readonly help?: string | undefined }): string {
  return help?.slice(0, MAX_HELP_LENGTH) ?? helpOf(name);
}

/** Returns the buckets of a report with a finite bound, in order; of those with the same bound the largest counts. */
function finiteOf(buckets: MetricsReport['histograms'][number]['buckets']): { le: number; count: number }[] {
  const counts = new Map<number, number>();
  // a Map takes -0 for 0, as the text on the page does
  for (const { le, count } of buckets.filter((one) => Number.isFinite(one.le)).slice(0, MAX_BUCKETS))
    counts.set(le, Math.max(count, counts.get(le) ?? 0));
  return Array.from(counts, ([le, count]) => ({ le, count })).toSorted((a, b) => a.le - b.le);
}

/** Reads the series of a report, with the label `agent`. */
export function* seriesOf(agent: string, report: MetricsReport): Generator<Reported> {
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
    help: helpIn(one),
    series: Object.assign(new ScalarSeries(labelsOf(one.labels)), { value: one.value }),
  });
  for (const one of report.counters) yield scalar('counter', one);
  for (const one of report.gauges) yield scalar('gauge', one);
  for (const one of report.histograms) {
    const { name, labels, sum, buckets } = one;
    const finite = finiteOf(buckets);
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
    yield { name, type: 'histogram', help: helpIn(one), series };
  }
}
