import { type BatchObservableResult, type Meter, type MetricOptions, type Observable, trace } from '@opentelemetry/api';
import { KNOWN_METRICS } from './families.ts';
import type { MetricFamily } from './family.ts';
import type { MetricsCollector } from './metrics-collector.ts';
import { HistogramSeries } from './series.ts';
import { cumulative } from './snapshot.ts';

/** Trace id of the active OpenTelemetry span, for `traceId` of a collector; `undefined` outside of a sampled one. */
export function activeTraceId(): string | undefined {
  const context = trace.getActiveSpan()?.spanContext();
  return context !== undefined && (context.traceFlags & 1) === 1 ? context.traceId : undefined;
}

/**
 * Shows a collector's metrics to OpenTelemetry through observable instruments of `meter`, which read the collector when the SDK
 * collects; recording costs nothing more. A histogram appears as three counters, `NAME_bucket` with the attribute `le`, `NAME_sum` and
 * `NAME_count`, because OpenTelemetry has no observable histogram.
 *
 * @param names metrics to show. Default: all that agentwire records, and those that the collector has now
 * @returns a function that removes them
 */
export function observeWith(
  collector: MetricsCollector,
  meter: Meter,
  names: readonly string[] = [
    ...new Set([...Object.keys(KNOWN_METRICS), ...collector.families().map(({ name }) => name)]),
  ],
): () => void {
  const instruments: Observable[] = [];
  const known = new Map(collector.families().map((family) => [family.name, family]));
  const readers = new Map<string, Reader>();
  const gauge = (name: string, options: MetricOptions): Observable => meter.createObservableGauge(name, options);
  const counter = (name: string, options: MetricOptions): Observable => meter.createObservableCounter(name, options);
  for (const name of names) {
    const definition = KNOWN_METRICS[name] ?? known.get(name);
    if (definition === undefined) continue;
    const { type, help: description } = definition;
    const of = (part: string): Observable => {
      const instrument = (type === 'gauge' ? gauge : counter)(`${name}${part}`, { description });
      instruments.push(instrument);
      return instrument;
    };
    readers.set(
      name,
      type === 'histogram' ? histogramReader(of('_bucket'), of('_sum'), of('_count')) : scalarReader(of('')),
    );
  }
  // one callback, because each call of families() runs the collectors
  const onCollect = (result: BatchObservableResult): void => {
    for (const family of collector.families()) readers.get(family.name)?.(family, result);
  };
  meter.addBatchObservableCallback(onCollect, instruments);
  return () => meter.removeBatchObservableCallback(onCollect, instruments);
}

type Reader = (family: MetricFamily, result: BatchObservableResult) => void;

function scalarReader(instrument: Observable): Reader {
  return ({ series }, result) => {
    for (const one of series) if (!(one instanceof HistogramSeries)) result.observe(instrument, one.value, one.labels);
  };
}

function histogramReader(bucket: Observable, sum: Observable, count: Observable): Reader {
  return ({ series }, result) => {
    for (const one of series) {
      if (!(one instanceof HistogramSeries)) continue;
      for (const { le, count: below } of cumulative(one))
        result.observe(bucket, below, { ...one.labels, le: le === Infinity ? '+Inf' : String(le) });
      result.observe(sum, one.sum, one.labels);
      result.observe(count, one.count, one.labels);
    }
  };
}
