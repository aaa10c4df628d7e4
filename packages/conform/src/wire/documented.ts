import type { RawMessage } from '../raw/receive-queue.ts';
import { isJson, type Json, parseJson, readJsonAnswer } from './json-answer.ts';
import { type ChunkFields, type HandshakeAnswer, hex, type AgentMessage, type Wire } from './wire.ts';

const REPORTS: ReadonlySet<number> = new Set([0x40, 0x41, 0x42, 0x43, 0x44, 0x46]);
const FLAGS = [
  'handles_request_headers',
  'handles_request_body',
  'handles_response_headers',
  'handles_response_body',
  'supports_streaming',
  'supports_cancellation',
];

const METADATA: Json = {
  correlation_id: 'conform',
  request_id: 'conform',
  client_ip: '192.0.2.1',
  client_port: 4711,
  server_name: null,
  protocol: 'HTTP/1.1',
  tls_version: null,
  tls_cipher: null,
  route_id: null,
  upstream_id: null,
  timestamp: '2025-01-01T00:00:00Z',
};

/** Ids are spliced into the text: a JavaScript number is not exact beyond 2^53. */
function withId(type: number, id: string, fields: Json): RawMessage {
  const rest = JSON.stringify(fields).slice(1);
  return { type, payload: Buffer.from(`{"request_id":${id}${rest === '}' ? '' : ','}${rest}`) };
}

const chunkFields = ({ index, text, last }: ChunkFields): Json => ({
  chunk_index: index,
  data: Buffer.from(text).toString('base64'),
  is_last: last,
});

function pairs(headers: readonly string[]): [string, string][] {
  return headers.flatMap((name, at): [string, string][] => (at % 2 === 0 ? [[name, headers[at + 1] ?? '']] : []));
}

function readHello({ type, payload }: RawMessage): HandshakeAnswer {
  const problems: string[] = [];
  if (type !== 0x02) problems.push(`the answer has type ${hex(type)}, not 0x02`);
  const from = parseJson(payload);
  const capabilities = isJson(from['capabilities']) ? from['capabilities'] : {};
  const accepted = from['accepted'] !== false && from['success'] !== false && from['error'] == null;
  if (accepted) {
    if (typeof from['agent_name'] !== 'string') problems.push('agent_name is missing');
    for (const flag of FLAGS)
      if (typeof capabilities[flag] !== 'boolean') problems.push(`capabilities.${flag} is missing`);
  }
  if (typeof from['protocol_version'] !== 'number') problems.push('protocol_version is missing');
  return {
    accepted,
    error: typeof from['error'] === 'string' ? from['error'] : undefined,
    encoding: typeof from['encoding'] === 'string' ? from['encoding'] : 'json',
    form: from['agent_name'] === undefined && from['accepted'] === undefined ? 'zentinel' : 'documented',
    agent: String(from['agent_name']),
    problems,
  };
}

function read({ type, payload }: RawMessage): AgentMessage {
  if (type === 0xf1) {
    const { sequence, timestamp_ms } = parseJson(payload);
    return { kind: 'pong', echo: `${String(sequence)} ${String(timestamp_ms)}` };
  }
  if (REPORTS.has(type)) return { kind: 'report', type };
  if (type !== 0x20) return { kind: 'unexpected', type, what: `a message of type ${hex(type)}` };
  const from = parseJson(payload);
  const problems: string[] = [];
  if (typeof from['request_id'] !== 'number') problems.push('request_id is not a number');
  const exact = /"request_id"\s*:\s*(\d+)/.exec(payload.toString('utf8'))?.[1];
  return readJsonAnswer(from, exact ?? String(from['request_id']), problems);
}

/** The documented dialect in JSON. */
export const documented: Wire = {
  form: 'documented',
  hello({ version = 2, encodings, extra } = {}) {
    const fields = {
      protocol_version: version,
      client_name: 'agentwire-conform',
      supported_features: ['streaming', 'cancellation'],
      ...(encodings !== undefined && { supported_encodings: encodings }),
      ...(extra === true && { x_conform: { deep: [1, null, 'x'] } }),
    };
    return { type: 0x01, payload: Buffer.from(JSON.stringify(fields)) };
  },
  readHello,
  id: (n) => String(65_536 + n),
  head(id, { uri, method = 'GET', headers = ['host', 'conform.test'], hasBody = false }, extra) {
    const more = extra === true ? { x_conform: { deep: [1, null, 'x'] } } : {};
    return withId(0x10, id, { metadata: METADATA, method, uri, headers: pairs(headers), has_body: hasBody, ...more });
  },
  requestChunk: (id, chunk) => withId(0x11, id, chunkFields(chunk)),
  responseHeaders: (id, status) =>
    withId(0x12, id, { status, headers: [['content-type', 'text/plain']], has_body: true }),
  responseChunk: (id, chunk) => withId(0x13, id, chunkFields(chunk)),
  cancel: (id) => withId(0x30, id, { reason: 'client_disconnect' }),
  ping: (sequence) => ({ type: 0xf0, payload: Buffer.from(`{"sequence":${sequence},"timestamp_ms":1700000000000}`) }),
  echoOf: (sequence) => `${sequence} 1700000000000`,
  brokenHead: (id) => withId(0x10, id, { method: 5, uri: [], headers: 'none' }),
  unknown: () => ({ type: 0x77, payload: Buffer.from('{"x":1}') }),
  wrongDirection: () => withId(0x20, '1', { decision: 'allow', request_headers: [], response_headers: [] }),
  read,
};
