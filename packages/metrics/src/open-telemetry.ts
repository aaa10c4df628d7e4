import { type Meter, type Observable, type ObservableResult, trace } from '@opentelemetry/api';
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

type Read = (result: ObservableResult) => void;

function readScalar(collector: MetricsCollector, name: string): Read {
  return (result) => {
    for (const series of familyOf(collector, name)?.series ?? [])
      if (!(series instanceof HistogramSeries)) result.observe(series.value, series.labels);
  };
}

function familyOf(collector: MetricsCollector, name: string): MetricFamily | undefined {
  return collector.families().find((family) => family.name === name);
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
  const added: (readonly [Observable, Read])[] = [];
  const add = (instrument: Observable, read: Read): void => {
    instrument.addCallback(read);
    added.push([instrument, read]);
  };
  for (const name of names) {
    const definition = KNOWN_METRICS[name] ?? familyOf(collector, name);
    if (definition === undefined) continue;
    const description = definition.help;
    if (definition.type === 'gauge')
      add(meter.createObservableGauge(name, { description }), readScalar(collector, name));
    else if (definition.type === 'counter')
      add(meter.createObservableCounter(name, { description }), readScalar(collector, name));
    else
      for (const part of ['bucket', 'sum', 'count'] as const)
        add(meter.createObservableCounter(`${name}_${part}`, { description }), (result) => {
          for (const series of familyOf(collector, name)?.series ?? []) {
            if (!(series instanceof HistogramSeries)) continue;
            if (part === 'bucket')
              for (const { le, count } of cumulative(series))
                result.observe(count, { ...series.labels, le: le === Infinity ? '+Inf' : String(le) });
            else result.observe(series[part], series.labels);
          }
        });
  }
  return () => {
    for (const [instrument, read] of added) instrument.removeCallback(read);
  };
}
