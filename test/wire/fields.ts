import type { Audit, Decision, EventType, ProxyEvent, RequestMetadata, Verdict } from '@agentwire/core';

/** Values of one field; an optional one is left out, too, which comes last. */
type Values<T> = unknown extends T
  ? readonly [T, ...T[]]
  : undefined extends T
    ? readonly [NonNullable<T>, ...NonNullable<T>[], undefined]
    : readonly [T, ...T[]];
/** Values of every field of `T`: a new field does not compile without. The id is what routes, and no field of the table. */
type Samples<T> = { readonly [K in Exclude<keyof T, 'type' | 'id'>]-?: Values<T[K]> };

const bytes = [Uint8Array.of(0, 10, 255), new Uint8Array()] as const;
const lines = ['host', 'shop.example', 'x-name', 'caf\u00e9'];
// lines of one name with another between them, and two values of one name
const apart = ['a', '1', 'b', '2', 'a', '3'];
const past32 = 5_000_000_000;
const past53 = [2 ** 53, 2n ** 53n + 1n, 2n ** 64n - 1n, -(2n ** 63n), 1e20, 1.7976931348623157e308];

const chunk = {
  index: [0, 7],
  data: bytes,
  last: [true, false],
  totalSize: [10, 0, past32, undefined],
  bytesTransferred: [12, undefined],
} as const;
const ops = [
  { op: 'set', name: 'x-a', value: 'caf\u00e9' },
  { op: 'add', name: 'x-b', value: '' },
  { op: 'remove', name: 'x-c' },
] as const;
const mutations = [
  { index: 1, data: bytes[0] },
  { index: 2, data: bytes[1] },
  { index: 3, data: null },
  undefined,
] as const;

/** Values of every field of every event. */
export const EVENTS: { readonly [T in EventType]: Samples<Extract<ProxyEvent, { type: T }>> } = {
  requestHeaders: {
    metadata: [
      { correlationId: 'c', requestId: 'r', clientIp: '::1', clientPort: 1, protocol: 'HTTP/1.1', timestamp: '' },
    ],
    method: ['GET', 'PROPFIND'],
    uri: ['/a?b=c', '/\u00fc'],
    headers: [lines, apart, []],
    hasBody: [true, false, undefined],
  },
  requestBodyChunk: chunk,
  responseHeaders: { status: [204, 999], headers: [lines, apart, []], hasBody: [true, false, undefined] },
  responseBodyChunk: chunk,
  requestComplete: {
    status: [502, 0],
    durationMs: [12, past32],
    requestBodySize: [past32, 0],
    responseBodySize: [3, 0],
    upstreamAttempts: [2, 0],
    error: ['upstream reset', undefined],
  },
  webSocketFrame: {
    opcode: ['text', 'binary', 'continuation', 'ping', 'pong', 'close'],
    data: bytes,
    clientToServer: [true, false],
    index: [0, past32],
    fin: [true, false],
    routeId: ['r', undefined],
    clientIp: ['::1'],
  },
  guardrailInspect: {
    inspectionType: ['prompt_injection', 'pii_detection'],
    content: ['gr\u00fc\u00dfe \u{1f642}', ''],
    model: ['m', undefined],
    categories: [['a', 'b'], []],
    routeId: ['r', undefined],
    metadata: [{ user: 'u' }, {}],
  },
  configure: {
    config: [{ a: [1, 0.5, null, 'x', true], b: {} }, { big: past53 }, [], 'text', 7, null],
    configVersion: ['v1', undefined],
  },
};

/** Values of every field of a request's metadata. */
export const METADATA: Samples<RequestMetadata> = {
  correlationId: ['logged-7', ''],
  requestId: ['req-1', ''],
  clientIp: ['192.0.2.7', ''],
  clientPort: [43_210, 0],
  serverName: ['shop.example', undefined],
  protocol: ['HTTP/1.1', 'HTTP/2', ''],
  tlsVersion: ['TLSv1.3', undefined],
  tlsCipher: ['TLS_AES_128_GCM_SHA256', undefined],
  routeId: ['route-1', undefined],
  upstreamId: ['upstream-1', undefined],
  timestamp: ['2025-01-01T00:00:00.123Z', '2025-01-01T02:00:00.123456+02:00'],
  traceparent: ['00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', undefined],
};

/** Values of every field of every verdict. */
export const VERDICTS: { readonly [T in Verdict['type']]: Samples<Extract<Verdict, { type: T }>> } = {
  allow: {},
  block: {
    status: [403, 999],
    body: ['n\u00f6', '', undefined],
    headers: [lines, ['set-cookie', 'a=1', 'set-cookie', 'b=2'], undefined],
  },
  redirect: { url: ['https://shop.example/', '/login'], status: [302, 307] },
  challenge: { challengeType: ['captcha'], params: [{ site: 'k' }, {}] },
};

/** Values of every field of a decision's audit. */
export const AUDIT: Samples<Audit> = {
  tags: [['t', 'u'], undefined],
  ruleIds: [['r'], undefined],
  confidence: [0.5, 0.9, undefined],
  reasonCodes: [['c'], undefined],
  custom: [{ text: 'v', list: [1, 0.5, null], object: { a: true } }, { big: past53 }, undefined],
};

/** Values of every other field of a decision; verdict and audit have their own. */
export const DECISION: Samples<Omit<Decision, 'verdict' | 'audit'>> = {
  requestHeaders: [ops, undefined],
  responseHeaders: [ops, undefined],
  needsMore: [true, undefined],
  requestBodyMutation: mutations,
  responseBodyMutation: mutations,
  routingMetadata: [{ pool: 'b' }, undefined],
  webSocket: [{ type: 'close', code: 1008, reason: 'bad' }, { type: 'drop' }, { type: 'allow' }, undefined],
  cache: [{ ttlMs: 5_000, vary: ['path', 'x-user'] }, undefined],
  error: [undefined as never, { code: 'ERR_HANDLER', message: 'it threw' }, undefined],
};
