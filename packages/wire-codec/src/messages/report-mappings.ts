import type { HealthState, HealthStatus, HistogramMetric, MetricsReport, ScalarMetric } from '@agentwire/core';
import type { LoadReport, ResourceReport } from '@agentwire/core/internal';
import { DecodeError, inside } from './decode-error.ts';
import type { WireFormat } from './wire-format.ts';
import { plain, type MessageMapping } from './message-mapping.ts';
import { bool, bucketEdge, f32, f64, text, u32, u64 } from './scalar-codecs.ts';
import { field, nullable, optional, optionalOrNull, struct, type Struct } from './struct.ts';
import { list, textMap, texts } from './value-codecs.ts';
import { asObject, describe, isWireObject, own } from './wire-object.ts';

const load: Struct<LoadReport> = struct<LoadReport>('load', {
  inFlight: field('in_flight', u32),
  queueDepth: field('queue_depth', u32),
  averageLatencyMs: field('avg_latency_ms', f32),
  p50LatencyMs: field('p50_latency_ms', f32),
  p95LatencyMs: field('p95_latency_ms', f32),
  p99LatencyMs: field('p99_latency_ms', f32),
  requestsProcessed: field('requests_processed', u64),
  requestsRejected: field('requests_rejected', u64),
  requestsTimedOut: field('requests_timed_out', u64),
});

const resources: Struct<ResourceReport> = struct<ResourceReport>('resources', {
  cpuPercent: nullable('cpu_percent', f32),
  memoryBytes: nullable('memory_bytes', u64),
  memoryLimit: nullable('memory_limit', u64),
  activeThreads: nullable('active_threads', u32),
  openFds: nullable('open_fds', u32),
  fdLimit: nullable('fd_limit', u32),
  connections: nullable('connections', u32),
});

const STATES: readonly HealthState[] = ['healthy', 'degraded', 'draining', 'unhealthy'];

type Details = Pick<
  HealthStatus,
  'disabledFeatures' | 'timeoutMultiplier' | 'drainEtaMs' | 'unhealthyReason' | 'recoverable'
>;

const details: Struct<Details> = struct<Details>('state', {
  disabledFeatures: optional('disabled_features', texts),
  timeoutMultiplier: optional('timeout_multiplier', f32),
  drainEtaMs: optional('eta_ms', u64),
  unhealthyReason: optional('reason', text),
  recoverable: optional('recoverable', bool),
});

type Base = Omit<HealthStatus, 'type' | 'state' | keyof Details>;

const base: Struct<Base> = struct<Base>('healthStatus', {
  agentId: field('agent_id', text),
  message: optionalOrNull('message', text),
  load: optionalOrNull('load', load),
  resources: optionalOrNull('resources', resources),
  validUntilMs: optionalOrNull('valid_until_ms', u64),
  timestampMs: field('timestamp_ms', u64),
});

/** Fields behind each word in the arrays that the crate 0.6.20 wrote for a state. */
const ORDER: Readonly<Record<string, readonly string[]>> = {
  degraded: ['disabled_features', 'timeout_multiplier'],
  draining: ['eta_ms'],
  unhealthy: ['reason', 'recoverable'],
};

function namedState(wire: unknown): unknown {
  if (!Array.isArray(wire)) return wire;
  const [status, ...values] = wire as unknown[];
  const names = ORDER[String(status)] ?? [];
  return { status, ...Object.fromEntries(names.map((name, index) => [name, values[index] ?? null])) };
}

function readState(written: unknown, format: WireFormat): { readonly state: HealthState } & Details {
  const wire = namedState(written);
  const word = isWireObject(wire) ? own(wire, 'status') : wire;
  const state =
    typeof word === 'number' || typeof word === 'bigint'
      ? STATES[Number(word) - 1]
      : STATES.find((one) => one === word);
  if (state === undefined) throw new DecodeError(`a health state is expected, not ${describe(wire)}`);
  return { state, ...details.read(isWireObject(wire) ? wire : {}, format) };
}

/** Splits off the state, which is the second item of the arrays that the crate 0.6.20 wrote. */
function splitState(wire: unknown): { readonly state: unknown; readonly rest: unknown } {
  if (!Array.isArray(wire)) return { state: own(asObject(wire), 'state'), rest: wire };
  const [agentId, state, ...others] = wire as unknown[];
  return { state, rest: [agentId, ...others] };
}

/** Health report of an agent. The crate's reader takes a number as state; the documented dialect has the details too. */
export const healthStatus: MessageMapping<'healthStatus'> = {
  type: 'healthStatus',
  write(message, format) {
    const { agent_id, ...rest } = base.write(message, format);
    const state =
      format.dialect === 'zentinel'
        ? STATES.indexOf(message.state) + 1
        : { status: message.state, ...details.write(message, format) };
    return { agent_id, state, ...rest };
  },
  read(wire, format) {
    const { state, rest } = splitState(wire);
    return { type: 'healthStatus', ...base.read(rest, format), ...inside('state', () => readState(state, format)) };
  },
};

function metric(name: string): Struct<ScalarMetric> {
  return struct<ScalarMetric>(name, {
    name: field('name', text),
    help: optional('help', text),
    labels: field('labels', textMap, { fallback: {} }),
    value: field('value', name === 'counter' ? u64 : f64),
  });
}

const bucket = struct<HistogramMetric['buckets'][number]>('bucket', {
  le: field('le', bucketEdge),
  count: field('count', u64),
});

const histogram: Struct<HistogramMetric> = struct<HistogramMetric>('histogram', {
  name: field('name', text),
  help: optional('help', text),
  labels: field('labels', textMap, { fallback: {} }),
  sum: field('sum', f64),
  count: field('count', u64),
  buckets: field('buckets', list(bucket)),
});

/** Metrics report of an agent. */
export const metricsReport: MessageMapping<'metricsReport'> = plain(
  'metricsReport',
  struct<Omit<MetricsReport, 'type'>>('metricsReport', {
    agentId: field('agent_id', text),
    timestampMs: field('timestamp_ms', u64),
    intervalMs: field('interval_ms', u64),
    counters: field('counters', list(metric('counter')), { fallback: [] }),
    gauges: field('gauges', list(metric('gauge')), { fallback: [] }),
    histograms: field('histograms', list(histogram), { fallback: [] }),
  }),
);
