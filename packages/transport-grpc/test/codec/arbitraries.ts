import fc from 'fast-check';
import type {
  Audit,
  Decision,
  EventType,
  HeaderOp,
  Message,
  ProxyEvent,
  RequestMetadata,
  Verdict,
  WebSocketOpcode,
} from '@agentwire/core';

/** One for each field of `T`: a new field does not compile without one, and where it is lost an oracle says so. */
type Fields<T> = { readonly [K in keyof T]-?: fc.Arbitrary<T[K]> };
type EventOf<T extends EventType> = Omit<Extract<ProxyEvent, { type: T }>, 'type'>;
type VerdictOf<T extends Verdict['type']> = Omit<Extract<Verdict, { type: T }>, 'type'>;

const optional = <T>(one: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(one, { nil: undefined });
const clean = <T extends object>(given: T): T =>
  Object.fromEntries(Object.entries(given).filter(([, one]) => one !== undefined)) as T;
/** Objects of the fields, without those that are undefined. */
const record = <T extends object>(fields: Fields<T>): fc.Arbitrary<T> =>
  fc.record(fields).map((one) => clean(one as T));

const text = fc.oneof(fc.string({ maxLength: 60 }), fc.string({ unit: 'grapheme', maxLength: 40 }));
const id = text.filter((value) => value !== '');
const token = fc.stringMatching(/^[a-zA-Z0-9-]{1,20}$/);
const value = fc.oneof(fc.stringMatching(/^[\x20-\x7e]{0,80}$/), fc.stringMatching(/^[a-z\u00e4\u00f6]{0,50}$/));
const headers = fc.array(fc.tuple(token, value), { maxLength: 20 }).map((pairs) => pairs.flat());
const count = fc.oneof(fc.nat(300), fc.maxSafeNat());
const u32 = fc.oneof(fc.nat(300), fc.nat(0xffff_ffff));
const bytes = fc.uint8Array({ maxLength: 300 });
const texts = fc.dictionary(token, text, { maxKeys: 3, noNullPrototype: true });
const json = fc.jsonValue({ maxDepth: 3 }).map((one) => JSON.parse(JSON.stringify(one)) as unknown);

const metadata: Fields<RequestMetadata> = {
  correlationId: text,
  requestId: text,
  clientIp: text,
  clientPort: fc.nat(65_535),
  serverName: optional(text),
  protocol: text,
  tlsVersion: optional(text),
  tlsCipher: optional(text),
  routeId: optional(text),
  upstreamId: optional(text),
  timestamp: fc.oneof(
    fc.constant(''),
    fc.date({ min: new Date(1), max: new Date('9999-12-31'), noInvalidDate: true }).map((date) => date.toISOString()),
  ),
  traceparent: optional(text),
};
const chunk: Fields<EventOf<'requestBodyChunk'>> = {
  id,
  index: u32,
  data: bytes,
  last: fc.boolean(),
  totalSize: optional(count),
  bytesTransferred: optional(count.filter((one) => one > 0)),
};
const EVENTS: { readonly [T in EventType]: Fields<EventOf<T>> } = {
  requestHeaders: {
    id,
    metadata: record(metadata),
    method: token,
    uri: fc.stringMatching(/^\/[\x21-\x7e]{0,100}$/),
    headers,
    hasBody: optional(fc.boolean()),
  },
  requestBodyChunk: chunk,
  responseHeaders: { id, status: fc.integer({ min: 100, max: 999 }), headers, hasBody: optional(fc.boolean()) },
  responseBodyChunk: chunk,
  requestComplete: {
    id,
    status: fc.nat(999),
    durationMs: count,
    requestBodySize: count,
    responseBodySize: count,
    upstreamAttempts: u32,
    error: optional(text),
  },
  webSocketFrame: {
    id,
    opcode: fc.constantFrom<WebSocketOpcode[]>('continuation', 'text', 'binary', 'close', 'ping', 'pong'),
    data: bytes,
    clientToServer: fc.boolean(),
    index: count,
    fin: fc.boolean(),
    routeId: optional(text),
    clientIp: text,
  },
  guardrailInspect: {
    id,
    inspectionType: fc.constantFrom('prompt_injection', 'pii_detection'),
    content: text,
    model: optional(text),
    categories: fc.array(text, { maxLength: 3 }),
    routeId: optional(text),
    metadata: texts,
  },
  configure: { id, config: json, configVersion: optional(text) },
};

/** Events of one type as they are delivered. */
function eventOf<T extends EventType>(type: T): fc.Arbitrary<Extract<ProxyEvent, { type: T }>> {
  return fc
    .record(EVENTS[type] as Record<string, fc.Arbitrary<unknown>>)
    .map((one) => ({ type, ...(type.endsWith('Headers') ? one : clean(one)) }) as Extract<ProxyEvent, { type: T }>);
}

/** Any event. */
export const event: fc.Arbitrary<ProxyEvent> = fc.oneof(...(Object.keys(EVENTS) as EventType[]).map(eventOf));
/** The events that the hot codec writes, and the head of a response. */
export const hotEvent: fc.Arbitrary<ProxyEvent> = fc.oneof(
  eventOf('requestHeaders'),
  eventOf('responseHeaders'),
  eventOf('requestBodyChunk'),
  eventOf('responseBodyChunk'),
);
/** The events whose body may be announced. */
export const headEvent = fc.oneof(eventOf('requestHeaders'), eventOf('responseHeaders'));

const op: fc.Arbitrary<HeaderOp> = fc.oneof(
  fc.record({ op: fc.constantFrom('set' as const, 'add' as const), name: token, value }),
  fc.record({ op: fc.constant('remove' as const), name: token }),
);
const some = <T>(one: fc.Arbitrary<T>): fc.Arbitrary<T[] | undefined> =>
  optional(fc.array(one, { minLength: 1, maxLength: 4 }));

const VERDICTS: { readonly [T in Verdict['type']]: Fields<VerdictOf<T>> } = {
  allow: {},
  block: {
    status: fc.integer({ min: 200, max: 999 }),
    body: optional(text),
    headers: optional(fc.tuple(token, value).map((line): readonly string[] => line)),
  },
  redirect: { url: fc.webUrl(), status: fc.constantFrom(302, 307) },
  challenge: { challengeType: token, params: texts },
};
const verdictOf = (type: Verdict['type']): fc.Arbitrary<Verdict> =>
  fc.record(VERDICTS[type] as Record<string, fc.Arbitrary<unknown>>).map((one) => clean({ type, ...one }) as Verdict);
const audit: Fields<Audit> = {
  tags: some(text),
  ruleIds: some(text),
  confidence: fc.option(fc.constantFrom(0.5, 0.25), { nil: undefined, freq: 3 }),
  reasonCodes: some(text),
  custom: fc.option(fc.dictionary(token, json, { minKeys: 1, maxKeys: 3, noNullPrototype: true }), {
    nil: undefined,
    freq: 3,
  }),
};
/** Mostly undefined: one of these alone makes the hot writer decline. */
const rare = <T>(one: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.oneof({ weight: 7, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: one });
const mutation = fc.record({ index: u32, data: fc.option(bytes) });
const decision: Fields<Decision> = {
  verdict: fc.oneof(
    { weight: 8, arbitrary: verdictOf('allow') },
    ...(['block', 'redirect', 'challenge'] as const).map((type) => ({ weight: 1, arbitrary: verdictOf(type) })),
  ),
  requestHeaders: some(op),
  responseHeaders: some(op),
  audit: optional(record(audit)),
  needsMore: optional(fc.constant(true)),
  requestBodyMutation: rare(mutation),
  responseBodyMutation: rare(mutation),
  routingMetadata: rare(fc.dictionary(token, text, { minKeys: 1, maxKeys: 3, noNullPrototype: true })),
  webSocket: rare(
    fc.oneof(
      fc.constant({ type: 'allow' as const }),
      fc.constant({ type: 'drop' as const }),
      fc.record({ type: fc.constant('close' as const), code: fc.constantFrom(1000, 1008, 4000), reason: token }),
    ),
  ),
  cache: rare(
    fc.record({
      ttlMs: fc.integer({ min: 1, max: 86_400_000 }),
      vary: fc.array(token, { minLength: 1, maxLength: 4 }),
    }),
  ),
  error: rare(fc.record({ code: fc.constantFrom('ERR_HANDLER', 'ERR_OVERLOADED'), message: text })),
};

/** Answers as they are delivered. */
export const answer: fc.Arbitrary<Message> = fc
  .record({ id, decision: record(decision) })
  .map(({ id: one, decision: made }): Message => {
    // an error has no verdict on the wire, and this one where it is read
    const verdict = made.error === undefined ? made.verdict : { type: 'block' as const, status: 500 };
    return { type: 'answer', id: one, decision: { ...made, verdict } };
  });
