import { restOf, sumOf, totalOf } from './add-series.ts';
import type { Reported } from './reported-series.ts';
import { HistogramSeries, ScalarSeries, type Series } from './series.ts';

/** Process of the sum of all that are folded. */
export const FOLDED = '*';
/** Folded processes that are remembered for each agent. */
const MAX_PROCESSES = 4_096;
/** Numbers that are remembered for each agent, over all of its folded processes. */
const MAX_NUMBERS = 100_000;

/** Series of the sum. */
interface FoldedSeries extends Reported {
  /** The one copy of its key: those of a report are as long as their labels. */
  readonly key: string;
}

/** Counts of one folded process. */
interface FoldedProcess {
  readonly keys: readonly string[];
  /** Those of each series, one after the other: see {@link numbersOf}. */
  readonly numbers: Float64Array;
}

/** Returns the value of a counter; of a histogram its count in each bucket of `like`, and its sum. */
function numbersOf(series: Series, like: Series): readonly number[] {
  if (series instanceof ScalarSeries) return [series.value];
  const empty = like instanceof HistogramSeries ? new HistogramSeries(like.labels, like.bounds) : series;
  const sum = sumOf(empty, series);
  return sum instanceof HistogramSeries ? [...sum.counts, sum.sum] : [];
}

/** Returns a series with these numbers. */
function seriesOf(like: Series, numbers: readonly number[]): Series {
  const more = { reportedAtMs: like.reportedAtMs, reportedBy: FOLDED };
  if (like instanceof ScalarSeries)
    return Object.assign(new ScalarSeries(like.labels), { ...more, value: numbers[0] ?? 0 });
  const series = new HistogramSeries(like.labels, like.bounds);
  series.counts.set(numbers.slice(0, -1));
  return Object.assign(series, { ...more, sum: numbers.at(-1) ?? 0 });
}

const widthOf = (series: Series): number => (series instanceof ScalarSeries ? 1 : series.bounds.length + 2);

/**
 * Counters and histograms of those processes of an agent that are too many to be told apart, as one sum. The numbers of each are
 * remembered without labels, so that one that reports again is taken out of the sum and counts once. Past a bound the process that was
 * folded first is forgotten: its numbers stay in the sum.
 */
export class FoldedProcesses {
  /** Series of the sum, with the values of processes that were forgotten. */
  readonly #series = new Map<string, FoldedSeries>();
  readonly #processes = new Map<string, FoldedProcess>();
  #size = 0;

  /** Adds what a process reported last, without its gauges. @returns keys of the series that are new in the sum */
  add(process: string, reported: ReadonlyMap<string, Reported>): string[] {
    const added: string[] = [];
    const keys: string[] = [];
    const numbers: number[] = [];
    for (const [key, one] of reported) {
      const { type, series } = this.#series.get(key) ?? one;
      // where processes disagree on a type, the first one stays
      if (one.type === 'gauge' || one.type !== type) continue;
      if (!this.#series.has(key)) {
        this.#series.set(key, {
          ...one,
          key,
          series: seriesOf(
            series,
            Array.from({ length: widthOf(series) }, () => 0),
          ),
        });
        added.push(key);
      }
      keys.push(this.#series.get(key)?.key ?? key);
      numbers.push(...numbersOf(one.series, series));
    }
    this.#processes.set(process, { keys, numbers: Float64Array.from(numbers) });
    this.#size += numbers.length;
    this.#forget();
    return added;
  }

  /** Returns the keys of the series that a folded process has in the sum. */
  keysOf(process: string): readonly string[] {
    return this.#processes.get(process)?.keys ?? [];
  }

  /** Takes a process that reports again out of the sum. */
  remove(process: string): void {
    this.#size -= this.#processes.get(process)?.numbers.length ?? 0;
    this.#processes.delete(process);
  }

  /** Returns the sum. @param exact whether what rounding took of it is added, as series of their own with the same labels */
  reported(exact: boolean): Reported[] {
    const parts = new Map<string, [Series, ...Series[]]>();
    for (const [key, { series }] of this.#series) parts.set(key, [series]);
    for (const process of this.#processes.values())
      for (const [key, part] of this.#seriesOf(process)) parts.get(key)?.push(part);
    return Array.from(this.#series).flatMap(([key, one]) => {
      const all = parts.get(key) ?? ([one.series] as const);
      const series = totalOf(all);
      return exact
        ? [
            { ...one, series },
            { ...one, series: restOf(all, series) },
          ]
        : [{ ...one, series }];
    });
  }

  #forget(): void {
    for (const [name, process] of this.#processes) {
      if (this.#processes.size <= MAX_PROCESSES && this.#size <= MAX_NUMBERS) return;
      for (const [key, part] of this.#seriesOf(process)) {
        const before = this.#series.get(key);
        if (before !== undefined) this.#series.set(key, { ...before, series: totalOf([before.series, part]) });
      }
      this.remove(name);
    }
  }

  *#seriesOf({ keys, numbers }: FoldedProcess): Generator<readonly [key: string, series: Series]> {
    let at = 0;
    for (const key of keys) {
      const like = this.#series.get(key)?.series;
      if (like === undefined) continue;
      const width = widthOf(like);
      yield [key, seriesOf(like, [...numbers.subarray(at, at + width)])];
      at += width;
    }
  }
}
