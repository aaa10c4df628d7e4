import type { Json } from './service.ts';

/** State of one request. */
export interface Request {
  readonly path: string;
  readonly body: Buffer[];
}

const FEATURES = ['streaming', 'cancellation', 'request_complete', 'websocket', 'guardrails', 'config_push'];

/** The answer to a handshake. */
export const HANDSHAKE: Json = {
  protocolVersion: 2,
  success: true,
  agentwireJson: JSON.stringify({ features: FEATURES }),
  capabilities: {
    protocolVersion: 2,
    agentId: 'reference',
    name: 'reference',
    version: '1.0.0',
    supportedEvents: [1, 2, 3, 4, 5, 6, 7, 8],
    features: {
      streamingBody: true,
      websocket: true,
      guardrails: true,
      configPush: true,
      cancellation: true,
      concurrentRequests: 100,
    },
    limits: { maxBodySize: String(10 * 1024 * 1024), maxConcurrency: 100, preferredChunkSize: '65536' },
    healthConfig: { reportIntervalMs: 10_000 },
  },
};

const ALLOW: Json = { allow: {} };
const MORE: Json = { allow: {}, needsMore: true };
const set = (name: string, value: string): Json => ({ set: { name, value } });
const add = (name: string, value: string): Json => ({ add: { name, value } });

/** Answers the client with a status. */
export function block(status: number, body?: string, headers: readonly Json[] = []): Json {
  return { block: { status, headers, ...(body !== undefined && { body }) } };
}

/** The answer to every path that has none of its own. */
export const SEEN: Json = { allow: {}, requestHeaders: [set('x-agent', 'allow')], audit: { tags: ['seen'] } };

const MUTATED: Json = {
  allow: {},
  requestHeaders: [
    set('x-agent-set', '1'),
    add('x-agent-add', '1'),
    add('x-agent-add', '2'),
    { remove: 'x-remove-me' },
  ],
  responseHeaders: [set('x-agent-resp', '1')],
  audit: { tags: ['mutated'], ruleIds: ['r-1'], confidence: 0.5, reasonCodes: ['TEST'], custom: { k: '"v"' } },
};

/** Answers the head of a request by its path. */
export function requestHeaders(path: string): Json {
  switch (path) {
    case '/block':
      return block(403, 'blocked by agent', [{ name: 'x-agent', value: 'block' }]);
    case '/redirect':
      return { redirect: { url: 'https://example.test/login', status: 302 } };
    case '/challenge':
      return { challenge: { challengeType: 'captcha', params: { site_key: 'k1' } } };
    case '/mutate':
      return MUTATED;
    case '/needs-more':
    case '/transform':
      return MORE;
    case '/throw':
      throw new Error('as the path requests');
    default:
      return SEEN;
  }
}

const bytesOf = ({ data }: Json): Buffer => Buffer.from(typeof data === 'string' ? data : '', 'base64');

/** Lets a chunk pass, drops it, or puts it in capitals. */
function transform(chunk: Json, field: string): Json {
  const text = bytesOf(chunk).toString('latin1');
  const chunkIndex = chunk['chunkIndex'] ?? 0;
  let mutation: Json = { chunkIndex };
  if (text.startsWith('drop')) mutation = { chunkIndex, data: '' };
  else if (!text.startsWith('pass'))
    mutation = { chunkIndex, data: Buffer.from(text.toUpperCase()).toString('base64') };
  return { allow: {}, needsMore: chunk['isLast'] !== true, [field]: mutation };
}

/** Answers a piece of a request's body. */
export function requestBody(request: Request, chunk: Json): Json {
  if (request.path === '/transform') return transform(chunk, 'requestBodyMutation');
  if (request.path !== '/needs-more') return ALLOW;
  request.body.push(bytesOf(chunk));
  if (chunk['isLast'] !== true) return MORE;
  return Buffer.concat(request.body).includes('attack') ? block(403, 'attack in body') : ALLOW;
}

/** Answers the head of a response. */
export function responseHeaders({ path }: Request, event: Json): Json {
  if (event['statusCode'] === 418) return block(502);
  if (path === '/mutate') return { allow: {}, responseHeaders: [set('x-agent-resp', '1')] };
  return path === '/transform' ? MORE : ALLOW;
}

/** Answers a piece of a response's body. */
export function responseBody({ path }: Request, chunk: Json): Json {
  return path === '/transform' ? transform(chunk, 'responseBodyMutation') : ALLOW;
}

/** Answers a WebSocket frame. */
export function webSocket(frame: Json): Json {
  const text = frame['frameType'] === 1 ? Buffer.from(String(frame['payload']), 'base64').toString() : '';
  if (text === 'bad') return { allow: {}, websocketDecision: { closeCode: 1008, closeReason: 'bad word' } };
  return text === 'drop' ? { allow: {}, websocketDecision: { drop: true } } : ALLOW;
}

/** Judges a text. */
export function guardrail(content: string): Json {
  const found = content.includes('ignore previous instructions');
  const detection = { category: 'prompt_injection', description: 'injection', severity: 'high', confidence: 0.9 };
  const result = { detected: found, confidence: found ? 0.9 : 0, detections: found ? [detection] : [] };
  return { allow: {}, routingMetadata: { guardrail_response: JSON.stringify(result) } };
}

/** Takes a configuration, or refuses it. */
export function configure(json: string): Json {
  const config = JSON.parse(json) as { readonly reject?: boolean };
  return config.reject === true ? block(500, 'Configuration rejected') : ALLOW;
}
