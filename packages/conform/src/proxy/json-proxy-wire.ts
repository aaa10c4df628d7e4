import type { RawMessage } from '../raw/receive-queue.ts';
import { isJson, type Json, parseJson } from '../wire/json-answer.ts';
import type { ProxyEvent, ProxyWire, Verdict } from './proxy-wire.ts';

const KINDS: Readonly<Record<number, ProxyEvent['kind']>> = {
  0x10: 'head',
  0x11: 'requestChunk',
  0x12: 'responseHeaders',
  0x13: 'responseChunk',
};
const NOTHING = { id: '', uri: '', index: 0, last: false, bytes: Buffer.alloc(0), echo: '', problems: [] };
const json = (type: number, fields: Json): RawMessage => ({ type, payload: Buffer.from(JSON.stringify(fields)) });

function chunkFields(from: Json, problems: string[]): Pick<ProxyEvent, 'index' | 'last' | 'bytes'> {
  if (typeof from['chunk_index'] !== 'number') problems.push('chunk_index is not a number');
  if (typeof from['is_last'] !== 'boolean') problems.push('is_last is not a boolean');
  if (typeof from['data'] !== 'string') problems.push('data is not a string');
  const bytes = Buffer.from(String(from['data']), 'base64');
  return { index: Number(from['chunk_index']), last: from['is_last'] === true, bytes };
}

function headProblems(from: Json, isList: boolean): string[] {
  const problems = ['method', 'uri']
    .filter((key) => typeof from[key] !== 'string')
    .map((key) => `${key} is not a string`);
  if (Array.isArray(from['headers']) !== isList) problems.push(`headers are ${isList ? 'no list' : 'a list'}`);
  const metadata = isJson(from['metadata']) ? from['metadata'] : {};
  for (const key of ['client_ip', 'protocol', 'timestamp']) {
    if (typeof metadata[key] !== 'string') problems.push(`metadata.${key} is not a string`);
  }
  return problems;
}

/** Differences between the two dialects. */
interface Dialect {
  readonly form: 'documented' | 'zentinel';
  readonly cancels: readonly number[];
  /** Further types that may be sent to an agent that negotiated only streaming and cancellation. */
  readonly others: readonly number[];
  readonly pong: number;
  idOf(from: Json, text: string): string | undefined;
  helloFields(from: Json): readonly string[];
  reply(version: number, error: string | null): Json;
  answer(id: string, fields: Json): RawMessage;
}

function createWire(dialect: Dialect, more: Pick<ProxyWire, 'ping'> = {}): ProxyWire {
  const isDocumented = dialect.form === 'documented';
  const decide = ({ block, more: needsMore = false }: Verdict): Json => ({
    decision: block === undefined ? 'allow' : { block: { status: block, body: 'conform', headers: null } },
    request_headers: [],
    response_headers: [],
    needs_more: needsMore,
  });
  return {
    form: dialect.form,
    helloProblems({ type, payload }) {
      const from = parseJson(payload);
      const encodings = from['supported_encodings'] ?? ['json'];
      const known = Array.isArray(encodings) && encodings.every((word) => word === 'json' || word === 'msgpack');
      return [
        ...(type === 0x01 ? [] : ['the first frame is no handshake']),
        ...dialect.helloFields(from),
        ...(known ? [] : ['supported_encodings has a word that peers reject']),
      ];
    },
    accept: () => json(0x02, dialect.reply(2, null)),
    refuse: (reason) =>
      json(0x02, { ...dialect.reply(2, reason), success: false, ...(isDocumented && { accepted: false }) }),
    otherVersion: () => json(0x02, dialect.reply(3, null)),
    read({ type, payload }) {
      if (type === dialect.pong) return { ...NOTHING, kind: 'pong', type, echo: payload.toString('utf8') };
      if (dialect.cancels.includes(type)) {
        const text = payload.toString('utf8');
        return { ...NOTHING, kind: 'cancel', type, id: dialect.idOf(parseJson(payload), text) ?? '' };
      }
      const kind = KINDS[type];
      if (kind === undefined) return { ...NOTHING, kind: dialect.others.includes(type) ? 'other' : 'unexpected', type };
      const from = parseJson(payload);
      const id = dialect.idOf(from, payload.toString('utf8'));
      const problems = id === undefined ? ['it has no id'] : [];
      if (kind === 'head') problems.push(...headProblems(from, isDocumented));
      const chunk = kind === 'requestChunk' || kind === 'responseChunk' ? chunkFields(from, problems) : {};
      const uri = typeof from['uri'] === 'string' ? from['uri'] : '';
      return { ...NOTHING, ...chunk, kind, type, id: id ?? '', uri, problems };
    },
    answer: (id, verdict) => dialect.answer(id, decide(verdict)),
    brokenAnswer: (id) => dialect.answer(id, { decision: { maybe: 1 }, request_headers: 5 }),
    unknown: () => json(0x77, { x: 1 }),
    wrongDirection: (id) => ({ ...dialect.answer(id, decide({})), type: 0x10 }),
    ...more,
  };
}

const features = {
  streaming_body: true,
  websocket: false,
  guardrails: false,
  config_push: false,
  metrics_export: false,
  concurrent_requests: 100,
  cancellation: true,
  flow_control: false,
  health_reporting: false,
};

/** Agent end in the documented dialect. */
export const documentedProxy: ProxyWire = createWire(
  {
    form: 'documented',
    cancels: [0x30, 0x31],
    others: [0xf0],
    pong: 0xf1,
    idOf: (_, text) => /"request_id"\s*:\s*(\d+)/.exec(text)?.[1],
    helloFields: (from) => [
      ...(from['protocol_version'] === 2 ? [] : ['protocol_version is not 2']),
      ...(typeof from['client_name'] === 'string' ? [] : ['client_name is missing']),
    ],
    reply: (version, error) => ({
      protocol_version: version,
      agent_name: 'conform',
      ...(error !== null && { error }),
      capabilities: {
        handles_request_headers: true,
        handles_request_body: true,
        handles_response_headers: true,
        handles_response_body: true,
        supports_streaming: true,
        supports_cancellation: true,
        max_concurrent_requests: null,
      },
      supported_features: ['streaming', 'cancellation'],
      encoding: 'json',
    }),
    answer: (id, fields) => ({
      type: 0x20,
      payload: Buffer.from(`{"request_id":${id},${JSON.stringify(fields).slice(1)}`),
    }),
  },
  {
    ping: (sequence) => ({ type: 0xf0, payload: Buffer.from(`{"sequence":${sequence},"timestamp_ms":1}`) }),
  },
);

/** Agent end in the zentinel dialect. */
export const zentinelProxy: ProxyWire = createWire({
  form: 'zentinel',
  cancels: [0x40],
  others: [0x14, 0x15, 0x16, 0x17, 0x41],
  pong: 0x42,
  idOf(from) {
    const metadata = isJson(from['metadata']) ? from['metadata'] : {};
    const id = metadata['correlation_id'] ?? from['correlation_id'];
    return typeof id === 'string' ? id : undefined;
  },
  helloFields(from) {
    const versions = from['supported_versions'];
    return [
      ...(Array.isArray(versions) && versions.includes(2) ? [] : ['supported_versions has no 2']),
      ...['proxy_id', 'proxy_version'].filter((key) => typeof from[key] !== 'string').map((key) => `${key} is missing`),
    ];
  },
  reply: (version, error) => ({
    protocol_version: version,
    success: error === null,
    error,
    capabilities: {
      agent_id: 'conform',
      name: 'conform',
      version: '0',
      supported_events: [1, 2, 3, 4],
      features,
      limits: { max_body_size: 16_777_216, max_concurrency: 100, preferred_chunk_size: 65_536 },
    },
    encoding: 'json',
  }),
  answer: (id, fields) =>
    json(0x20, {
      version: 2,
      ...fields,
      routing_metadata: {},
      audit: { tags: [], rule_ids: [], confidence: null, reason_codes: [], custom: { correlation_id: id } },
      request_body_mutation: null,
      response_body_mutation: null,
      websocket_decision: null,
    }),
});
