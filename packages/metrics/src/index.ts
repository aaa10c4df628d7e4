export { DURATION_BUCKETS, KNOWN_METRICS, type MetricDefinition, type MetricType } from './families.ts';
export { MetricsCollector, type MetricsCollectorOptions } from './metrics-collector.ts';
export { metricsHandler } from './metrics-handler.ts';
export { activeTraceId, observeWith } from './open-telemetry.ts';
export { joinPromClient, type PromClientRegistry } from './prom-client.ts';
export type { MetricFamily } from './family.ts';
export { HistogramSeries, type ScalarSeries, type Series } from './series.ts';
export { CONTENT_TYPES, type ExportFormat } from './prometheus.ts';
export type { FamilySnapshot, MetricsSnapshot, SeriesSnapshot } from './snapshot.ts';
