import { HistogramSeries, ScalarSeries, type Series } from './series.ts';

/** Adds the observations of `from`, each at the first bound that is not below its own. */
function addCounts(to: HistogramSeries, from: HistogramSeries): void {
  for (const [at, count] of from.counts.entries()) {
    const bound = from.bounds[at] ?? Infinity;
    const found = to.bounds.findIndex((one) => one >= bound);
    const index = found === -1 ? to.bounds.length : found;
    to.counts[index] = (to.counts[index] ?? 0) + count;
  }
}

/**
 * Adds up with compensation for rounding (Neumaier), so that the order makes no difference: a plain sum of fractions that changes its
 * order falls by a last digit, which Prometheus takes for a counter that began again.
 */
function addNumbers(values: readonly number[]): number {
  let sum = 0;
  let lost = 0;
  for (const value of values) {
    const next = sum + value;
    lost += Math.abs(sum) >= Math.abs(value) ? sum - next + value : value - next + sum;
    sum = next;
  }
  return Number.isFinite(lost) ? sum + lost : sum;
}

/** Returns a series with the values of all, under the labels of the first one; those of another kind are left out. */
export function totalOf(all: readonly [Series, ...Series[]]): Series {
  const [first] = all;
  const { labels, reportedAtMs, reportedBy } = first;
  const more = { reportedAtMs, reportedBy };
  if (all.length === 1) return first;
  if (first instanceof HistogramSeries) {
    const same = all.filter((one) => one instanceof HistogramSeries);
    const total = Object.assign(new HistogramSeries(labels, first.bounds), more);
    for (const one of same) addCounts(total, one);
    return Object.assign(total, { sum: addNumbers(same.map(({ sum }) => sum)) });
  }
  const values = all.flatMap((one) => (one instanceof ScalarSeries ? [one.value] : []));
  return Object.assign(new ScalarSeries(labels), { ...more, value: addNumbers(values) });
}

/** Returns what rounding took of a {@link totalOf} these: a sum that has both is rounded once, in whatever parts it is added up. */
export function restOf(all: readonly [Series, ...Series[]], total: Series): Series {
  const { labels, reportedAtMs, reportedBy } = total;
  const more = { reportedAtMs, reportedBy };
  const numbers = all.map((one) => (one instanceof HistogramSeries ? one.sum : one.value));
  if (!(total instanceof HistogramSeries))
    return Object.assign(new ScalarSeries(labels), { ...more, value: addNumbers([...numbers, -total.value]) });
  return Object.assign(new HistogramSeries(labels, total.bounds), {
    ...more,
    sum: addNumbers([...numbers, -total.sum]),
  });
}

/** Returns a series with the values of both, under the labels of the first one. */
export const sumOf = (one: Series, other: Series): Series => totalOf([one, other]);

/** Returns the series of which the value, or the number of observations, is larger. */
export function largerOf(one: Series, other: Series): Series {
  const valueOf = (series: Series): number => (series instanceof HistogramSeries ? series.count : series.value);
  return valueOf(other) > valueOf(one) ? other : one;
}

/** Adds up series with the same labels: those of several processes. */
export function addUp(all: readonly Series[]): Series[] {
  const byLabels = new Map<string, [Series, ...Series[]]>();
  for (const series of all) {
    const key = JSON.stringify(series.labels);
    const same = byLabels.get(key);
    if (same === undefined) byLabels.set(key, [series]);
    else same.push(series);
  }
  return Array.from(byLabels.values(), totalOf);
}
