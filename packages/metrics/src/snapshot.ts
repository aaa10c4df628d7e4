import type { MetricType, OwnMetrics } from '@agentwire/core';
import type { MetricFamily } from './family.ts';
import { HistogramSeries } from './series.ts';

/** Values of one series. */
export interface SeriesSnapshot {
  readonly labels: Readonly<Record<string, string>>;
  /** Value of a counter or gauge, number of observations of a histogram. */
  readonly value: number;
  /** Sum of a histogram's observations. */
  readonly sum?: number;
  /** Cumulative buckets of a histogram; the last `le` is `Infinity`. */
  readonly buckets?: readonly { readonly le: number; readonly count: number }[];
  /** Time of the agent's report that it is from, in milliseconds since 1970; absent for what was recorded. */
  readonly reportedAtMs?: number;
  /** Process of the agent that reported it; empty where the agent does not tell, absent for what was recorded. */
  readonly reportedBy?: string;
}

/** Values of one metric. */
export interface FamilySnapshot {
  readonly name: string;
  readonly type: MetricType;
  readonly help: string;
  readonly series: readonly SeriesSnapshot[];
}

/** All values at one moment. */
export interface MetricsSnapshot {
  /** Decisions of all agents. */
  readonly totalRequests: number;
  /** Failed requests of all agents. */
  readonly totalErrors: number;
  /** Open connections to all agents. */
  readonly activeConnections: number;
  /** Mean time until an agent decided, in milliseconds; `undefined` before the first decision. */
  readonly averageDurationMs: number | undefined;
  readonly families: readonly FamilySnapshot[];
}

/** Buckets of a series with cumulative counts. */
export function cumulative(series: HistogramSeries): { readonly le: number; readonly count: number }[] {
  let count = 0;
  return [...series.counts].map((one, at) => ({ le: series.bounds[at] ?? Infinity, count: (count += one) }));
}

export function snapshotOf(families: readonly MetricFamily[]): MetricsSnapshot {
  const read = families.map(({ name, type, help, series }): FamilySnapshot => ({
    name,
    type,
    help,
    series: series.map((one) => ({
      labels: one.labels,
      ...(one instanceof HistogramSeries
        ? { value: one.count, sum: one.sum, buckets: cumulative(one) }
        : { value: one.value }),
      ...(one.reportedAtMs !== undefined && { reportedAtMs: one.reportedAtMs }),
      ...(one.reportedBy !== undefined && { reportedBy: one.reportedBy }),
    })),
  }));
  const total = (name: string, of: (series: SeriesSnapshot) => number): number =>
    (read.find((family) => family.name === name)?.series ?? []).reduce((sum, one) => sum + of(one), 0);
  const durations = total('agent_request_duration_seconds', ({ value }) => value);
  return {
    totalRequests: total('agent_requests_total', ({ value }) => value),
    totalErrors: total('agent_errors_total', ({ value }) => value),
    activeConnections: total('agent_connections_active', ({ value }) => value),
    averageDurationMs:
      durations === 0 ? undefined : (total('agent_request_duration_seconds', ({ sum }) => sum ?? 0) / durations) * 1000,
    families: read,
  };
}

/** Returns these metrics in the shape of an agent's report. */
export function reportOf(families: readonly MetricFamily[]): OwnMetrics {
  const scalars = (wanted: MetricType): OwnMetrics['counters'] =>
    families
      .filter(({ type }) => type === wanted)
      .flatMap(({ name, help, series }) =>
        series.flatMap((one) =>
          one instanceof HistogramSeries ? [] : [{ name, help, labels: one.labels, value: one.value }],
        ),
      );
  return {
    counters: scalars('counter'),
    gauges: scalars('gauge'),
    histograms: families.flatMap(({ name, help, series }) =>
      series.flatMap((one) =>
        one instanceof HistogramSeries
          ? [{ name, help, labels: one.labels, sum: one.sum, count: one.count, buckets: cumulative(one) }]
          : [],
      ),
    ),
  };
}
