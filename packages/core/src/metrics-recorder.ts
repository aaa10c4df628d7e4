/** Labels of one measurement; few and bounded, never an id or a path. */
export type MetricLabels = Readonly<Record<string, string>>;

/**
 * Receiver of measurements: an object of yours that passes them to what you measure with, because agentwire comes with none yet.
 * The default everywhere is {@link noMetrics}.
 */
export interface MetricsRecorder {
  /** Adds `value` to a counter. */
  count(name: string, labels: MetricLabels, value?: number): void;
  /** Sets a gauge. */
  gauge(name: string, labels: MetricLabels, value: number): void;
  /** Adds one observation to a histogram, in seconds for durations. */
  observe(name: string, labels: MetricLabels, value: number): void;
}

/** Recorder without effect. */
export const noMetrics: MetricsRecorder = { count: () => undefined, gauge: () => undefined, observe: () => undefined };
