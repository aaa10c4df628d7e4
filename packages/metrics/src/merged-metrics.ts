import type { Logger } from '@agentwire/core';
import { type MetricFamily, sampleNames } from './family.ts';
import { addUp, largerOf, restOf, totalOf } from './add-series.ts';
import { AgentSeries } from './agent-series.ts';
import { HistogramSeries, ScalarSeries, type Series } from './series.ts';
import { type FamilySnapshot, type SeriesSnapshot, snapshotOf } from './snapshot.ts';

/** Metrics of one process. */
export type ProcessMetrics = readonly FamilySnapshot[];

/** Gauges of agentwire whose largest value counts: states and delays, of which a sum has no meaning. */
const LARGEST: ReadonlySet<string> = new Set([
  'agent_circuit_breaker_state',
  'gateway_upstream_target_state',
  'process_event_loop_lag_seconds',
]);

/** Returns a name of the process that a series of a report is from. */
const processOf = ({ labels, reportedBy = '' }: SeriesSnapshot): string => `${reportedBy}\n${labels['agent']}`;

/** Returns the time of the newest report of each process of each agent. */
function newestReports(families: readonly FamilySnapshot[]): ReadonlyMap<string, number> {
  const newest = new Map<string, number>();
  for (const { series } of families)
    for (const one of series)
      if (one.reportedAtMs !== undefined)
        newest.set(processOf(one), Math.max(one.reportedAtMs, newest.get(processOf(one)) ?? 0));
  return newest;
}

function seriesOf({ labels, value, sum = 0, buckets, reportedAtMs, reportedBy }: SeriesSnapshot): Series {
  const report = { reportedAtMs, reportedBy };
  if (buckets === undefined) return Object.assign(new ScalarSeries(labels), { value, ...report });
  const series = new HistogramSeries(
    labels,
    buckets.flatMap(({ le }) => (Number.isFinite(le) ? [le] : [])),
  );
  for (const [at, { count }] of buckets.entries()) series.counts[at] = count - (buckets[at - 1]?.count ?? 0);
  return Object.assign(series, { sum, ...report });
}

/** Series of one metric: for each set of labels those of all processes, of which the largest counts, or their sum. */
interface MergedFamily extends Omit<FamilySnapshot, 'series'> {
  readonly all: readonly (readonly [Series, ...Series[]])[];
}

/** Returns whether the largest of these counts: states, and what an agent reports to several processes. */
function takesLargest(name: string, [{ reportedAtMs }]: readonly [Series, ...Series[]]): boolean {
  return LARGEST.has(name) || reportedAtMs !== undefined;
}

function combined(name: string, all: readonly [Series, ...Series[]]): Series {
  return takesLargest(name, all) ? all.reduce(largerOf) : totalOf(all);
}

/** Returns what rounding took of sums: nothing but for fractions, as seconds are. */
function restsOf({ name, all, ...family }: MergedFamily): MetricFamily {
  const series = all.flatMap((one) => {
    if (takesLargest(name, one)) return [];
    const rest = restOf(one, totalOf(one));
    return (rest instanceof HistogramSeries ? rest.sum : rest.value) === 0 ? [] : [rest];
  });
  return { ...family, name, series };
}

const familyOf = ({ name, all, ...family }: MergedFamily): MetricFamily => ({
  ...family,
  name,
  series: all.map((one) => combined(name, one)),
});

/** Collaborators of {@link MergedMetrics}. */
export interface MergedMetricsDeps {
  /** Series over all metrics and processes; past it those of ended processes are dropped first. Default 10 000. */
  readonly maxSeries?: number;
  readonly logger?: Logger;
}

/**
 * Metrics of several processes as one page, for `metricsHandler(merged)`: counters, histograms and gauges are added up by name and
 * labels. Of `agent_circuit_breaker_state`, `gateway_upstream_target_state` and `process_event_loop_lag_seconds` the largest value counts.
 * A process of an agent reports its own totals, the same ones to each of these: of each the newest report counts, and those of an agent's
 * processes are added up.
 * Counters and histograms of processes that have ended stay, so that no counter falls when a process is replaced, and those of a report until there is a newer
 * one; gauges end with their process.
 */
export class MergedMetrics {
  readonly #maxSeries: number;
  readonly #logger: Logger | undefined;
  /** Sums that stay of ended processes, and apart from them what rounding took of those. */
  #ended: readonly ProcessMetrics[] = [];
  #hasDropped = false;

  constructor({ maxSeries = 10_000, logger }: MergedMetricsDeps = {}) {
    this.#maxSeries = maxSeries;
    this.#logger = logger;
  }

  /** Adds what stays of a process that has ended. */
  end(metrics: ProcessMetrics): void {
    const kept = metrics.filter(({ type }) => type !== 'gauge');
    const merged = this.#merge([kept, ...this.#ended]);
    this.#ended = [snapshotOf(merged.map(familyOf)).families, snapshotOf(merged.map(restsOf)).families];
  }

  /** Returns the metrics of running processes with those that stay of ended ones, in order of their names. */
  families(running: readonly ProcessMetrics[]): readonly MetricFamily[] {
    return this.#merge([...running, ...this.#ended])
      .map(familyOf)
      .map((family) => ({ ...family, series: addUp(family.series) }));
  }

  #merge(processes: readonly ProcessMetrics[]): readonly MergedFamily[] {
    const merged = new Map<string, FamilySnapshot & { readonly byLabels: Map<string, [Series, ...Series[]]> }>();
    const taken = new Map<string, string>();
    const reported = new Map<string | undefined, AgentSeries>();
    let count = 0;
    const all = processes.flat();
    const newest = newestReports(all);
    for (const family of all) {
      const into = merged.get(family.name) ?? { ...family, byLabels: new Map<string, [Series, ...Series[]]>() };
      // a sample of another family would make the page invalid
      const names = sampleNames(family);
      if (into.type !== family.type || names.some((name) => (taken.get(name) ?? family.name) !== family.name)) continue;
      for (const one of family.series) {
        const isReported = one.reportedAtMs !== undefined;
        if (isReported && one.reportedAtMs < (newest.get(processOf(one)) ?? 0)) continue;
        const labels = JSON.stringify(one.labels);
        const key = `${labels}${one.reportedBy ?? ''}`;
        const before = into.byLabels.get(key);
        if (before === undefined) {
          const room = this.#maxSeries - count;
          const ofAgent = reported.get(one.labels['agent']) ?? new AgentSeries();
          const { size } = ofAgent;
          if (isReported ? !ofAgent.add(`${family.name}${labels}`, size + room) : room <= 0) {
            this.#reportDropped(family.name);
            continue;
          }
          if (isReported) reported.set(one.labels['agent'], ofAgent);
          // those of several processes of an agent are one on the page
          count += isReported ? ofAgent.size - size : 1;
        }
        if (before === undefined) into.byLabels.set(key, [seriesOf(one)]);
        else before.push(seriesOf(one));
      }
      if (into.byLabels.size === 0) continue;
      merged.set(family.name, into);
      for (const name of names) taken.set(name, family.name);
    }
    return [...merged.values()]
      .map(({ name, type, help, byLabels }) => ({ name, type, help, all: [...byLabels.values()] }))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  #reportDropped(metric: string): void {
    if (this.#hasDropped) return;
    this.#hasDropped = true;
    this.#logger?.warn(
      { metric, maxSeries: this.#maxSeries },
      'all processes together have too many series: some are left out of the page',
    );
  }
}
