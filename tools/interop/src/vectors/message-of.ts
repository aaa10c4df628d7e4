import type {
  Audit,
  CancelReason,
  ConfigUpdate,
  Decision,
  HeaderOp,
  HealthState,
  InspectionType,
  LogMessage,
  Message,
  RequestMetadata,
  RuleDefinition,
  ScalarMetric,
  Verdict,
  WebSocketDecision,
  WebSocketOpcode,
} from '@agentwire/core';
import type { Json, Vector } from './vector.ts';

type Fields = { readonly [name: string]: Json };

const camel = (name: string): string => name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
const bytes = (data: Json | undefined): Uint8Array => Buffer.from(String(data), 'base64');

/** The same fields under our names; null is absent. */
function fields<T>(value: Json | undefined): T {
  const entries = Object.entries((value ?? {}) as Fields).filter(([, one]) => one !== null);
  return Object.fromEntries(entries.map(([name, one]) => [camel(name), one])) as T;
}

/** Headers as a flat list; text past U+00FF becomes its UTF-8 bytes, as HTTP has them. */
function headerList(value: Json | undefined): string[] {
  const wide = (text: string): boolean => [...text].some((character) => character > '\xff');
  return Object.entries(value as Readonly<Record<string, string[]>>).flatMap(([name, values]) =>
    values.flatMap((text) => [name, wide(text) ? Buffer.from(text).toString('latin1') : text]),
  );
}

function verdictOf(decision: Json | undefined): Verdict {
  if (typeof decision === 'string') return { type: decision as 'allow' };
  const [[kind, value] = ['', null]] = Object.entries(decision as Fields);
  const { headers, ...rest } = fields<{ headers?: Record<string, string> }>(value);
  const list = Object.entries(headers ?? {}).flat();
  return { type: kind, ...rest, ...(list.length > 0 && { headers: list }) } as unknown as Verdict;
}

function opsOf(list: Json | undefined): HeaderOp[] | undefined {
  const ops = (list as readonly Fields[]).map((one) => {
    const [[op, value] = ['', null]] = Object.entries(one);
    return { op, ...fields<object>(value) } as HeaderOp;
  });
  return ops.length > 0 ? ops : undefined;
}

function mutationOf(value: Json | undefined): { index: number; data: Uint8Array | null } | undefined {
  if (value === null || value === undefined) return undefined;
  const { chunk_index: index, data } = value as Fields;
  return { index: Number(index), data: data === null ? null : bytes(data) };
}

function webSocketOf(value: Json | undefined): WebSocketDecision | undefined {
  if (value === null || value === undefined) return undefined;
  if (typeof value === 'string') return { type: value as 'allow' };
  return { type: 'close', ...fields<{ code: number; reason: string }>((value as Fields)['close']) };
}

function auditOf(value: Json | undefined): Audit | undefined {
  const { custom, ...audit } = fields<Record<string, unknown>>(value);
  const { correlation_id: _id, ...rest } = custom as Fields;
  const filled = Object.entries({ ...audit, custom: rest }).filter(
    ([, one]) => Object.keys(Object(one)).length > 0 || typeof one === 'number',
  );
  return filled.length > 0 ? Object.fromEntries(filled) : undefined;
}

function decisionOf(value: Fields): Decision {
  const routing = value['routing_metadata'] as Readonly<Record<string, string>>;
  return {
    verdict: verdictOf(value['decision']),
    requestHeaders: opsOf(value['request_headers']),
    responseHeaders: opsOf(value['response_headers']),
    audit: auditOf(value['audit']),
    needsMore: value['needs_more'] === true ? true : undefined,
    requestBodyMutation: mutationOf(value['request_body_mutation']),
    responseBodyMutation: mutationOf(value['response_body_mutation']),
    routingMetadata: Object.keys(routing).length > 0 ? routing : undefined,
    webSocket: webSocketOf(value['websocket_decision']),
  };
}

const CANCEL_REASONS: readonly CancelReason[] = [
  'client_disconnect',
  'timeout',
  'blocked_by_agent',
  'upstream_error',
  'proxy_shutdown',
  'manual',
];

function healthOf(value: Fields): Message {
  const { state, load, resources, ...rest } = value;
  const { status, etaMs, reason, ...of } = fields<{ status: HealthState; etaMs?: number; reason?: string }>(state);
  const { avgLatencyMs, ...figures } = fields<{ avgLatencyMs?: number }>(load);
  return {
    type: 'healthStatus',
    ...fields<{ agentId: string; timestampMs: number }>(rest),
    ...of,
    state: status,
    ...(etaMs !== undefined && { drainEtaMs: etaMs }),
    ...(reason !== undefined && { unhealthyReason: reason }),
    ...(load !== null && { load: { ...figures, averageLatencyMs: avgLatencyMs } as never }),
    ...(resources !== null && { resources: fields<object>(resources) }),
  };
}

function updateOf(value: Json | undefined): ConfigUpdate {
  const { type, rules, ...rest } = fields<{ type: string; rules?: readonly Fields[] }>(value);
  const read = rules?.map((rule) => fields<RuleDefinition>(rule));
  return { type: camel(type), ...rest, ...(read !== undefined && { rules: read }) } as ConfigUpdate;
}

function metricsOf(value: Fields): Message {
  const scalars = (name: string): ScalarMetric[] => (value[name] as readonly Json[]).map((one) => fields(one));
  const histograms = (value['histograms'] as readonly Fields[]).map(({ buckets, ...one }) => ({
    ...fields<{ name: string; labels: Record<string, string>; sum: number; count: number }>(one),
    buckets: (buckets as readonly { le: number | '+Inf'; count: number }[]).map(({ le, count }) => ({
      le: le === '+Inf' ? Infinity : le,
      count,
    })),
  }));
  const { agentId, timestampMs, intervalMs } = fields<{ agentId: string; timestampMs: number; intervalMs: number }>(
    value,
  );
  const [counters, gauges] = [scalars('counters'), scalars('gauges')];
  return { type: 'metricsReport', agentId, timestampMs, intervalMs, counters, gauges, histograms };
}

function flowOf(value: Fields): Message {
  const { type, bufferAvailable } = fields<{ type: string; bufferAvailable?: number }>(value['action']);
  const { correlationId: id, timestampMs } = fields<{ correlationId?: string; timestampMs: number }>(value);
  const action = camel(type) as 'pause' | 'resume' | 'updateCapacity';
  return { type: 'flowControl', action, id, bufferAvailable, timestampMs };
}

function eventOf(name: string, value: Fields): Message | undefined {
  const { correlation_id: correlationId, ...rest } = value;
  const id = String(correlationId);
  switch (name) {
    case 'RequestHeaders': {
      const metadata = fields<RequestMetadata>(value['metadata']);
      const [method, uri] = [String(value['method']), String(value['uri'])];
      const headers = headerList(value['headers']);
      return { type: 'requestHeaders', id: metadata.correlationId, metadata, method, uri, headers, hasBody: false };
    }
    case 'RequestBodyChunk':
    case 'ResponseBodyChunk': {
      const {
        chunkIndex: index,
        isLast: last,
        totalSize,
        bytesReceived,
        bytesSent,
        data,
      } = fields<Record<string, number> & { isLast: boolean; data: string }>(rest);
      const type = name === 'RequestBodyChunk' ? 'requestBodyChunk' : 'responseBodyChunk';
      const bytesTransferred = bytesReceived ?? bytesSent;
      return { type, id, index: Number(index), data: bytes(data), last, totalSize, bytesTransferred };
    }
    case 'ResponseHeaders':
      return {
        type: 'responseHeaders',
        id,
        status: Number(value['status']),
        headers: headerList(value['headers']),
        hasBody: false,
      };
    case 'RequestComplete':
      return { type: 'requestComplete', id, ...fields<object>(rest) } as Message;
    case 'WebSocketFrame': {
      const {
        frameIndex: index,
        data,
        opcode,
        ...frame
      } = fields<{ frameIndex: number; data: string; opcode: WebSocketOpcode }>(rest);
      return { type: 'webSocketFrame', id, opcode, data: bytes(data), index, ...frame } as Message;
    }
    case 'GuardrailInspect':
      return { type: 'guardrailInspect', id, ...fields<{ inspectionType: InspectionType }>(rest) } as Message;
    case 'Configure':
      return { type: 'configure', id, ...fields<object>(rest) } as Message;
    default:
      return undefined;
  }
}

/** What our codecs should make of a vector; `undefined` for handshakes and registrations. */
export function messageOf({ name: fullName, value }: Vector): Message | undefined {
  const name = fullName.replace(/^Agent(Control)\.log$/, 'Log').replace('.binary', '');
  const id = String(value['correlation_id']);
  switch (name) {
    case 'AgentResponse': {
      const { custom } = value['audit'] as { custom: Fields };
      return { type: 'answer', id: String(custom['correlation_id']), decision: decisionOf(value) };
    }
    case 'Cancel': {
      const reason = CANCEL_REASONS[Number(value['reason'])];
      return { type: 'cancel', id, reason, timestampMs: Number(value['timestamp_ms']) };
    }
    case 'Ping':
    case 'Pong':
      return { type: name === 'Ping' ? 'ping' : 'pong', ...fields<{ sequence: number; timestampMs: number }>(value) };
    case 'HealthStatus':
      return healthOf(value);
    case 'MetricsReport':
      return metricsOf(value);
    case 'ConfigUpdateRequest': {
      const { requestId, timestampMs } = fields<{ requestId: string; timestampMs: number }>(value);
      return { type: 'configUpdateRequest', requestId, update: updateOf(value['update_type']), timestampMs };
    }
    case 'FlowControl':
      return flowOf(value);
    case 'Log': {
      const { correlationId, ...rest } = fields<Omit<LogMessage, 'type'> & { correlationId?: string }>(value);
      return { type: 'log', ...rest, id: correlationId };
    }
    default:
      return eventOf(name, value);
  }
}
