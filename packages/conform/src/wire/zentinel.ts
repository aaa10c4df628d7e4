import type { RawMessage } from '../raw/receive-queue.ts';
import { textId } from './ids.ts';
import { isJson, type Json, parseJson, readJsonAnswer } from './json-answer.ts';
import { type ChunkFields, type HandshakeAnswer, hex, type AgentMessage, type Wire } from './wire.ts';

const REPORTS: ReadonlySet<number> = new Set([0x30, 0x31, 0x32, 0x33]);
const REQUIRED: Readonly<Record<string, readonly string[]>> = {
  features: [
    'streaming_body',
    'websocket',
    'guardrails',
    'config_push',
    'metrics_export',
    'concurrent_requests',
    'cancellation',
    'flow_control',
    'health_reporting',
  ],
  limits: ['max_body_size', 'max_concurrency', 'preferred_chunk_size'],
};

const json = (type: number, fields: Json): RawMessage => ({ type, payload: Buffer.from(JSON.stringify(fields)) });

function metadata(id: string): Json {
  return {
    correlation_id: id,
    request_id: 'conform',
    client_ip: '192.0.2.1',
    client_port: 4711,
    server_name: null,
    protocol: 'HTTP/1.1',
    tls_version: null,
    tls_cipher: null,
    route_id: null,
    upstream_id: null,
    timestamp: '2025-01-01T00:00:00.123456789+00:00',
  };
}

function byName(headers: readonly string[]): Record<string, string[]> {
  const found: Record<string, string[]> = {};
  for (let at = 0; at < headers.length; at += 2) (found[headers[at] ?? ''] ??= []).push(headers[at + 1] ?? '');
  return found;
}

const chunk = (type: number, id: string, { index, text, last }: ChunkFields, counter: string): RawMessage =>
  json(type, {
    correlation_id: id,
    data: Buffer.from(text).toString('base64'),
    is_last: last,
    total_size: null,
    chunk_index: index,
    [counter]: Buffer.byteLength(text),
  });

function capabilityProblems(from: Json): string[] {
  const problems = ['agent_id', 'name', 'version'].filter((key) => typeof from[key] !== 'string');
  const events = from['supported_events'];
  if (!Array.isArray(events) || !events.every(Number.isInteger)) problems.push('supported_events');
  for (const [group, keys] of Object.entries(REQUIRED)) {
    const fields = isJson(from[group]) ? from[group] : {};
    problems.push(...keys.filter((key) => fields[key] == null).map((key) => `${group}.${key}`));
  }
  return problems.map((key) => `capabilities.${key} is missing`);
}

function readHello({ type, payload }: RawMessage): HandshakeAnswer {
  const from = parseJson(payload);
  const problems: string[] = [];
  if (type !== 0x02) problems.push(`the answer has type ${hex(type)}, not 0x02`);
  if (typeof from['success'] !== 'boolean') problems.push('success is missing');
  if (typeof from['protocol_version'] !== 'number') problems.push('protocol_version is missing');
  const capabilities = isJson(from['capabilities']) ? from['capabilities'] : {};
  problems.push(...capabilityProblems(capabilities));
  return {
    accepted: from['success'] === true,
    error: typeof from['error'] === 'string' ? from['error'] : undefined,
    encoding: typeof from['encoding'] === 'string' ? from['encoding'] : 'json',
    form: from['agent_name'] === undefined && from['accepted'] === undefined ? 'zentinel' : 'documented',
    agent: String(capabilities['name']),
    problems,
  };
}

function read({ type, payload }: RawMessage): AgentMessage {
  if (type === 0x42) return { kind: 'pong', echo: payload.toString('utf8') };
  if (REPORTS.has(type)) return { kind: 'report', type };
  if (type !== 0x20) return { kind: 'unexpected', type, what: `a message of type ${hex(type)}` };
  const from = parseJson(payload);
  const problems: string[] = [];
  if (from['version'] !== 2) problems.push('version is not 2');
  const audit = isJson(from['audit']) ? from['audit'] : {};
  const custom = isJson(audit['custom']) ? audit['custom'] : {};
  const id = custom['correlation_id'];
  if (typeof id !== 'string') problems.push('audit.custom.correlation_id is missing');
  return readJsonAnswer(from, String(id), problems);
}

/** The zentinel dialect in JSON. */
export const zentinel: Wire = {
  form: 'zentinel',
  hello({ version = 2, encodings, extra } = {}) {
    return json(0x01, {
      supported_versions: [version],
      proxy_id: 'agentwire-conform',
      proxy_version: '0',
      config: null,
      ...(encodings !== undefined && { supported_encodings: encodings }),
      ...(extra === true && { x_conform: { deep: [1, null, 'x'] } }),
    });
  },
  readHello,
  id: textId,
  head(id, { uri, method = 'GET', headers = ['host', 'conform.test'] }, extra) {
    const more = extra === true ? { x_conform: { deep: [1, null, 'x'] } } : {};
    return json(0x10, {
      correlation_id: id,
      metadata: metadata(id),
      method,
      uri,
      headers: byName(headers),
      ...more,
    });
  },
  requestChunk: (id, fields) => chunk(0x11, id, fields, 'bytes_received'),
  responseHeaders: (id, status) =>
    json(0x12, { correlation_id: id, status, headers: { 'content-type': ['text/plain'] } }),
  responseChunk: (id, fields) => chunk(0x13, id, fields, 'bytes_sent'),
  cancel: (id) => json(0x40, { correlation_id: id, reason: 0, timestamp_ms: 1_700_000_000_000 }),
  ping: (sequence) => ({ type: 0x41, payload: Buffer.from(`{"sequence":${sequence},"timestamp_ms":1700000000000}`) }),
  echoOf: (sequence) => `{"sequence":${sequence},"timestamp_ms":1700000000000}`,
  brokenHead: (id) => json(0x10, { correlation_id: id, method: 5, uri: [], headers: 'none' }),
  unknown: () => ({ type: 0x77, payload: Buffer.from('{"x":1}') }),
  wrongDirection: () => json(0x20, { version: 2, decision: 'allow', audit: { custom: { correlation_id: 'conform' } } }),
  read,
};
