import type {
  CancelReason,
  ConfigUpdate,
  FlowControl,
  HealthStatus,
  HistogramMetric,
  LogMessage,
  Message,
  MetricsReport,
  ScalarMetric,
} from '@agentwire/core';
import { decisionOf } from './decision-of.ts';
import { eventOf } from './event-of.ts';
import { camel, type Fields, fields, text } from './fields.ts';
import type { Json, Vector } from './vector.ts';

const CANCEL_REASONS: readonly CancelReason[] = [
  'client_disconnect',
  'timeout',
  'blocked_by_agent',
  'upstream_error',
  'proxy_shutdown',
  'manual',
];

function healthOf({ state, load, resources, ...rest }: Fields): Message {
  const { status, eta_ms: eta, reason, ...details } = state as Fields;
  const { avg_latency_ms: average, ...figures } = (load ?? {}) as Fields;
  const more = { drain_eta_ms: eta ?? null, unhealthy_reason: reason ?? null };
  return {
    type: 'healthStatus',
    ...(fields({ ...rest, ...details, ...more, state: status ?? null }) as Omit<HealthStatus, 'type'>),
    ...(load !== null && {
      load: { ...(fields(figures) as NonNullable<HealthStatus['load']>), averageLatencyMs: average as number },
    }),
    ...(resources !== null && { resources: fields(resources) }),
  };
}

function updateOf(value: Json | undefined): ConfigUpdate {
  const { type, rules, ...rest } = value as Fields;
  const read = (rules as readonly Json[] | undefined)?.map((rule) => fields(rule));
  return { type: camel(text(type)), ...fields(rest), ...(read !== undefined && { rules: read }) } as ConfigUpdate;
}

function histogramOf({ buckets, ...rest }: Fields): HistogramMetric {
  const read = (buckets as readonly Fields[]).map(({ le, count }) => ({
    le: le === '+Inf' ? Infinity : Number(le),
    count: Number(count),
  }));
  return { ...(fields(rest) as HistogramMetric), buckets: read };
}

function metricsOf({ counters, gauges, histograms, ...rest }: Fields): Message {
  const scalars = (list: Json | undefined): ScalarMetric[] =>
    (list as readonly Json[]).map((one) => fields(one) as ScalarMetric);
  return {
    type: 'metricsReport',
    ...(fields(rest) as Pick<MetricsReport, 'agentId' | 'timestampMs' | 'intervalMs'>),
    counters: scalars(counters),
    gauges: scalars(gauges),
    histograms: (histograms as readonly Fields[]).map(histogramOf),
  };
}

function flowOf(value: Fields): Message {
  const { type, buffer_available: room } = value['action'] as Fields;
  const { correlationId: id } = fields(value) as { correlationId?: string };
  const action = camel(text(type)) as FlowControl['action'];
  return { type: 'flowControl', action, id, ...(typeof room === 'number' && { bufferAvailable: room }) };
}

/** Message that the codecs must decode from a vector; `undefined` for handshakes, registrations and the control stream. */
export function messageOf({ name, value }: Vector): Message | undefined {
  const id = text(value['correlation_id']);
  switch (name) {
    case 'AgentResponse': {
      const { custom } = value['audit'] as { custom: Fields };
      return { type: 'answer', id: text(custom['correlation_id']), decision: decisionOf(value) };
    }
    case 'Cancel': {
      const reason = CANCEL_REASONS[Number(value['reason'])];
      return { type: 'cancel', id, reason, timestampMs: Number(value['timestamp_ms']) };
    }
    case 'Ping':
    case 'Pong': {
      const numbers = fields(value) as { sequence: number; timestampMs: number };
      return { type: name === 'Ping' ? 'ping' : 'pong', ...numbers };
    }
    case 'HealthStatus':
      return healthOf(value);
    case 'MetricsReport':
      return metricsOf(value);
    case 'ConfigUpdateRequest': {
      const { requestId, timestampMs } = fields(value) as { requestId: string; timestampMs: number };
      return { type: 'configUpdateRequest', requestId, update: updateOf(value['update_type']), timestampMs };
    }
    case 'FlowControl':
      return flowOf(value);
    case 'Log': {
      const { correlationId, ...rest } = fields(value) as Omit<LogMessage, 'type' | 'id'> & { correlationId?: string };
      return { type: 'log', ...rest, id: correlationId };
    }
    default:
      return eventOf(name.replace('.binary', ''), value);
  }
}
