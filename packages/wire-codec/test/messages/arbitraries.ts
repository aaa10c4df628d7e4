import type {
  Audit,
  Decision,
  Dialect,
  HeaderOp,
  Message,
  RequestBodyChunk,
  RequestHeaders,
  RequestMetadata,
  Verdict,
} from '@agentwire/core';
import fc from 'fast-check';

/** One arbitrary per field of `T`: a new field does not compile without one, and a property fails where a codec loses it. */
type Fields<T> = { readonly [K in Exclude<keyof T, 'type'>]-?: fc.Arbitrary<T[K]> };

/** Number of runs of a property: `share` of 5 000, or of `AGENTWIRE_RUNS`. */
export const runs = (share: number): { readonly numRuns: number } => ({
  numRuns: Math.ceil((Number(process.env['AGENTWIRE_RUNS']) || 5000) * share),
});

const text = fc.oneof(
  { weight: 4, arbitrary: fc.string({ maxLength: 40 }) },
  { weight: 1, arbitrary: fc.string({ unit: 'grapheme', maxLength: 300 }) },
);
const optional = <T>(one: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(one, { nil: undefined });
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const u64 = fc.oneof(u32, fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }));
const name = fc.oneof(
  fc.constantFrom('host', 'Accept', 'x-a', 'constructor', '__proto__', 'toString'),
  fc.stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,20}$/),
);
const value = fc.stringMatching(/^[\t\x20-\x7e\x80-\xff]{0,60}$/);

const id = (dialect: Dialect): fc.Arbitrary<number | bigint | string> =>
  dialect === 'zentinel'
    ? fc.oneof(fc.uuid(), text)
    : fc.oneof(u64, fc.bigInt({ min: 2n ** 53n + 1n, max: 2n ** 64n - 1n }));

/** Header lines; in the zentinel dialect lines of one name stand together, because that is all it can say. */
function headerList(dialect: Dialect): fc.Arbitrary<readonly string[]> {
  const lines = fc.array(fc.tuple(name, value), { maxLength: 20 });
  return lines.map((all) => {
    if (dialect === 'documented') return all.flat();
    // objects put names that look like array indexes first, in numeric order.
    const plain = all.filter(([one]) => !/^\d+$/.test(one));
    const names = [...new Set(plain.map(([one]) => one))];
    return names.flatMap((one) => plain.filter(([other]) => other === one).flat());
  });
}

const metadata = (
  dialect: Dialect,
  correlationId: fc.Arbitrary<string>,
): fc.Arbitrary<Extract<Message, { type: 'requestHeaders' }>['metadata']> =>
  fc.record<RequestMetadata>({
    correlationId: dialect === 'zentinel' ? fc.constant('') : correlationId,
    requestId: text,
    clientIp: text,
    clientPort: fc.integer({ min: 0, max: 0xffff }),
    serverName: optional(text),
    protocol: text,
    tlsVersion: optional(text),
    tlsCipher: optional(text),
    routeId: optional(text),
    upstreamId: optional(text),
    timestamp: text,
    traceparent: optional(text),
  } satisfies Fields<RequestMetadata>);

/** Request headers of a dialect. */
export function requestHeaders(dialect: Dialect): fc.Arbitrary<Extract<Message, { type: 'requestHeaders' }>> {
  const fields: Fields<RequestHeaders> = {
    id: id(dialect),
    metadata: metadata(dialect, text),
    method: fc.oneof(
      fc.constantFrom('GET', 'POST', 'PROPFIND'),
      fc.stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,20}$/),
    ),
    uri: text.map((any) => any.replaceAll(/[\0- \x7f]/g, '/')),
    headers: headerList(dialect),
    hasBody: dialect === 'documented' ? fc.option(fc.boolean(), { nil: undefined }) : fc.constant(undefined),
  };
  return fc.record({ type: fc.constant('requestHeaders' as const), ...fields }).map((event) => {
    if (dialect === 'zentinel') Object.assign(event.metadata, { correlationId: event.id });
    return event;
  });
}

/** Body chunks of a dialect. */
export function bodyChunk(dialect: Dialect): fc.Arbitrary<Message> {
  const fields: Fields<RequestBodyChunk> = {
    id: id(dialect),
    index: u32,
    data: fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes)),
    last: fc.boolean(),
    totalSize: optional(u64),
    bytesTransferred: u64,
  };
  return fc
    .record({ type: fc.constantFrom('requestBodyChunk' as const, 'responseBodyChunk' as const), ...fields })
    .map((chunk) => {
      const without = dialect === 'zentinel' ? [] : ['bytesTransferred'];
      for (const property of without) Reflect.deleteProperty(chunk, property);
      return chunk;
    });
}

const op: fc.Arbitrary<HeaderOp> = fc.oneof(
  fc.record({ op: fc.constantFrom('set' as const, 'add' as const), name, value }),
  fc.record({ op: fc.constant('remove' as const), name }),
);
const texts = fc.array(text, { minLength: 1, maxLength: 3 });
/** JSON has no minus zero. */
const jsonValue = fc.jsonValue({ maxDepth: 3 }).map((one) => JSON.parse(JSON.stringify(one)) as unknown);
const json = fc.dictionary(
  fc.string({ maxLength: 8 }).filter((key) => key !== 'correlation_id' && key !== '__proto__'),
  jsonValue,
  { minKeys: 1, maxKeys: 3 },
);
const mutation = fc.record({
  index: u32,
  data: fc.option(fc.uint8Array({ maxLength: 30 }).map((bytes) => Buffer.from(bytes))),
});

type VerdictOf<T extends Verdict['type']> = Extract<Verdict, { type: T }>;
const VERDICTS: { readonly [T in Verdict['type']]: Fields<VerdictOf<T>> } = {
  allow: {},
  block: {
    status: fc.integer({ min: 200, max: 999 }),
    body: optional(text),
    headers: optional(fc.tuple(name, value).map((line): readonly string[] => line)),
  },
  redirect: { url: fc.webUrl(), status: fc.constantFrom(302, 307) },
  challenge: {
    challengeType: value,
    params: fc.dictionary(
      fc.string({ maxLength: 5 }).filter((key) => key !== '__proto__'),
      text,
      { maxKeys: 3, noNullPrototype: true },
    ),
  },
};
const verdict = fc.oneof(
  ...(['allow', 'block', 'redirect', 'challenge'] as const).map((type) => ({
    weight: type === 'allow' ? 3 : 1,
    arbitrary: fc.record({ type: fc.constant(type), ...VERDICTS[type] }) as fc.Arbitrary<Verdict>,
  })),
);

const rarely = <T>(one: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.oneof({ weight: 7, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: one });

const audit: Fields<Audit> = {
  tags: texts,
  ruleIds: optional(texts),
  confidence: optional(fc.constantFrom(0, 0.5, 1)),
  reasonCodes: optional(texts),
  custom: optional(json),
};
/** Decisions as they are delivered: empty parts are absent. */
const decision = (dialect: Dialect): fc.Arbitrary<Decision> =>
  fc
    .record({
      verdict,
      requestHeaders: optional(fc.array(op, { minLength: 1, maxLength: 4 })),
      responseHeaders: optional(fc.array(op, { minLength: 1, maxLength: 4 })),
      audit: optional(fc.record(audit) as fc.Arbitrary<Audit>),
      needsMore: optional(fc.constant(true)),
      requestBodyMutation: rarely(mutation),
      responseBodyMutation: rarely(mutation),
      routingMetadata: rarely(
        fc.dictionary(
          fc.string({ maxLength: 5 }).filter((key) => key !== '__proto__'),
          text,
          { minKeys: 1, maxKeys: 3 },
        ),
      ),
      webSocket: rarely(
        fc.oneof(
          fc.constantFrom({ type: 'allow' as const }, { type: 'drop' as const }),
          fc.record({
            type: fc.constant('close' as const),
            code: fc.constantFrom(1000, 1008, 4000),
            reason: fc.constant('r'),
          }),
        ),
      ),
      // the zentinel dialect has no cache and no errors
      cache:
        dialect === 'documented'
          ? rarely(
              fc.record({
                ttlMs: fc.integer({ min: 1, max: 86_400_000 }),
                vary: fc.array(fc.constantFrom('path', 'x-a'), { minLength: 1, maxLength: 3 }),
              }),
            )
          : fc.constant(undefined),
      error:
        dialect === 'documented'
          ? rarely(fc.record({ code: fc.constant('ERR_HANDLER'), message: text }))
          : fc.constant(undefined),
    } satisfies Fields<Decision>)
    .map((made: Decision) =>
      // an error has no verdict on the wire, and this one where it is read
      made.error === undefined ? made : { ...made, verdict: { type: 'block', status: 500 } },
    );

/** Answers of a dialect. */
export const answer = (dialect: Dialect): fc.Arbitrary<Extract<Message, { type: 'answer' }>> =>
  fc.record({ type: fc.constant('answer' as const), id: id(dialect), decision: decision(dialect) });
