import type { MetricsReport } from './message/control.ts';

/** Labels of one measurement; few and bounded, never an id or a path. */
export type MetricLabels = Readonly<Record<string, string>>;

/**
 * Receiver of measurements: `MetricsCollector` of `@agentwire/metrics`, or an object of yours that passes them to what you measure
 * with. The default everywhere is {@link noMetrics}.
 */
export interface MetricsRecorder {
  /** Adds `value` to a counter. */
  count(name: string, labels: MetricLabels, value?: number): void;
  /** Sets a gauge. */
  gauge(name: string, labels: MetricLabels, value: number): void;
  /** Adds one observation to a histogram, in seconds for durations. */
  observe(name: string, labels: MetricLabels, value: number): void;
  /** Takes what an agent of a pool reports about itself, in place of its report before. Without this method reports are dropped. */
  recordReport?(agent: string, report: MetricsReport): void;
  /** Removes all that was measured of an agent, which has left its pool. */
  removeAgent?(agent: string): void;
}

/** Values that an agent reports about itself; names that agentwire records are dropped by the receiver. */
export type OwnMetrics = Pick<MetricsReport, 'counters' | 'gauges' | 'histograms'>;

/** Source of an agent's own metrics; `MetricsCollector` of `@agentwire/metrics` is one. */
export interface MetricsSource {
  /** Returns the values now, counters as totals since the start. */
  report(): OwnMetrics;
}

/** Recorder without effect. */
export const noMetrics: MetricsRecorder = { count: () => undefined, gauge: () => undefined, observe: () => undefined };
