import type { MetricsReport } from './message/control.ts';

/** Labels of one measurement; few and bounded, never an id or a path. */
export type MetricLabels = Readonly<Record<string, string>>;

/** Kind of a metric, as Prometheus names them. */
export type MetricType = 'counter' | 'gauge' | 'histogram';

/** One series of a recorder, found once by its caller and kept: recording is then a call without a look-up. */
export interface MetricHandle {
  /** Adds to a counter, sets a gauge, or adds one observation to a histogram. */
  record(value: number): void;
}

/**
 * Receiver of measurements: `MetricsCollector` of `@agentwire/metrics`, or an object of yours that passes them to what you measure
 * with. The default everywhere is none. What a recorder throws is logged and changes nothing.
 */
export interface MetricsRecorder {
  /** Adds `value` to a counter. */
  count(name: string, labels: MetricLabels, value?: number): void;
  /** Sets a gauge. */
  gauge(name: string, labels: MetricLabels, value: number): void;
  /** Adds one observation to a histogram, in seconds for durations. */
  observe(name: string, labels: MetricLabels, value: number): void;
  /**
   * Returns one series for a caller that records it often. The series appears with its first value. Without this method such a
   * caller uses the three above.
   */
  handle?(type: MetricType, name: string, labels: MetricLabels): MetricHandle;
  /** Takes what an agent of a pool reports about itself, in place of its report before. Without this method reports are dropped. */
  recordReport?(agent: string, report: MetricsReport): void;
  /** Removes all that was measured of an agent, which has left its pool. */
  removeAgent?(agent: string): void;
}

/**
 * Gauge of a report whose label `instance` names the process that sent it: a receiver adds up what the processes of one agent report,
 * and takes what comes from one process on several connections once.
 */
export const INSTANCE_METRIC = 'agent_instance_info';

/** Returns the process that a report is from, at most 64 characters; `undefined` where the agent does not tell. */
export function instanceOf({ gauges }: Pick<MetricsReport, 'gauges'>): string | undefined {
  const id = gauges.find(({ name }) => name === INSTANCE_METRIC)?.labels['instance'];
  return typeof id === 'string' && id !== '' ? id.slice(0, 64) : undefined;
}

/** Values that an agent reports about itself; names that agentwire records are dropped by the receiver. */
export type OwnMetrics = Pick<MetricsReport, 'counters' | 'gauges' | 'histograms'>;

/** Source of an agent's own metrics; `MetricsCollector` of `@agentwire/metrics` is one. */
export interface MetricsSource {
  /** Returns the values now, counters as totals since the start. */
  report(): OwnMetrics;
}
