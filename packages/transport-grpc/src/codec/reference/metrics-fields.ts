import type { MessageInitShape } from '@bufbuild/protobuf';
import type { HistogramMetric, MetricsReport, ScalarMetric } from '@agentwire/core';
import type {
  HistogramMetric as HistogramFields,
  MetricsReport as MetricsReportFields,
  MetricsReportSchema,
} from '../../gen/zentinel/agent/v2/agent_pb.ts';
import { copyMap } from './json-fields.ts';
import { fromUint64, toUint64 } from './number-fields.ts';
import { present } from './present.ts';

/** MetricsReport as protobuf-es takes it; counters are whole numbers there. */
export function toMetrics(message: MetricsReport): MessageInitShape<typeof MetricsReportSchema> {
  return {
    agentId: message.agentId,
    timestampMs: toUint64('timestampMs', message.timestampMs),
    intervalMs: toUint64('intervalMs', message.intervalMs),
    counters: message.counters.map(({ name, help, labels, value }) =>
      present({ name, help, labels: copyMap(labels), value: toUint64('counter', value) }),
    ),
    gauges: message.gauges.map(({ name, help, labels, value }) =>
      present({ name, help, labels: copyMap(labels), value }),
    ),
    histograms: message.histograms.map(({ name, help, labels, sum, count, buckets }) =>
      present({
        name,
        help,
        labels: copyMap(labels),
        sum,
        count: toUint64('count', count),
        buckets: buckets.map((bucket) => ({ le: bucket.le, count: toUint64('count', bucket.count) })),
      }),
    ),
  };
}

interface ScalarFields {
  readonly name: string;
  readonly help?: string | undefined;
  readonly labels: Record<string, string>;
}

function fromScalar({ name, help, labels }: ScalarFields, value: number): ScalarMetric {
  return present({ name, help, labels: copyMap(labels), value });
}

function fromHistogram({ name, help, labels, sum, count, buckets }: HistogramFields): HistogramMetric {
  return present({
    name,
    help,
    labels: copyMap(labels),
    sum,
    count: fromUint64('histogram.count', count),
    buckets: buckets.map((bucket) => ({ le: bucket.le, count: fromUint64('bucket.count', bucket.count) })),
  });
}

/** Reads a MetricsReport. @throws AgentwireError `ERR_PROTOCOL`. */
export function fromMetrics(fields: MetricsReportFields): MetricsReport {
  return {
    type: 'metricsReport',
    agentId: fields.agentId,
    timestampMs: fromUint64('metrics.timestamp_ms', fields.timestampMs),
    intervalMs: fromUint64('metrics.interval_ms', fields.intervalMs),
    counters: fields.counters.map((metric) => fromScalar(metric, fromUint64('counter.value', metric.value))),
    gauges: fields.gauges.map((metric) => fromScalar(metric, metric.value)),
    histograms: fields.histograms.map(fromHistogram),
  };
}
