import { HistogramSeries, ScalarSeries, type Series } from './series.ts';

/** Adds the observations of `from`, each at the first bound that is not below its own. */
function addHistogram(to: HistogramSeries, from: HistogramSeries): void {
  for (const [at, count] of from.counts.entries()) {
    const bound = from.bounds[at] ?? Infinity;
    const found = to.bounds.findIndex((one) => one >= bound);
    const index = found === -1 ? to.bounds.length : found;
    to.counts[index] = (to.counts[index] ?? 0) + count;
  }
  to.sum += from.sum;
}

/** Returns a series with the values of both, under the labels of the first one. */
export function sumOf(one: Series, other: Series): Series {
  const { labels, reportedAtMs, reportedBy } = one;
  if (one instanceof HistogramSeries && other instanceof HistogramSeries) {
    const sum = Object.assign(new HistogramSeries(labels, one.bounds), { reportedAtMs, reportedBy });
    addHistogram(sum, one);
    addHistogram(sum, other);
    return sum;
  }
  if (!(one instanceof ScalarSeries && other instanceof ScalarSeries)) return one;
  return Object.assign(new ScalarSeries(labels), { value: one.value + other.value, reportedAtMs, reportedBy });
}

/** Returns the series of which the value, or the number of observations, is larger. */
export function largerOf(one: Series, other: Series): Series {
  const valueOf = (series: Series): number => (series instanceof HistogramSeries ? series.count : series.value);
  return valueOf(other) > valueOf(one) ? other : one;
}

/** Adds up series with the same labels: those of several processes. */
export function addUp(all: readonly Series[]): Series[] {
  const byLabels = new Map<string, Series>();
  for (const series of all) {
    const key = JSON.stringify(series.labels);
    const before = byLabels.get(key);
    byLabels.set(key, before === undefined ? series : sumOf(before, series));
  }
  return [...byLabels.values()];
}
