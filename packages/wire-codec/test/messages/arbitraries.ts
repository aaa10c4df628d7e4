import type { Decision, Dialect, HeaderOp, Message } from '@agentwire/core';
import fc from 'fast-check';

/** How often a property runs: `share` of 5 000, or of `AGENTWIRE_RUNS`. */
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
    // Objects put names that look like array indexes first, in numeric order.
    const plain = all.filter(([one]) => !/^\d+$/.test(one));
    const names = [...new Set(plain.map(([one]) => one))];
    return names.flatMap((one) => plain.filter(([other]) => other === one).flat());
  });
}

const metadata = (
  dialect: Dialect,
  correlationId: fc.Arbitrary<string>,
): fc.Arbitrary<Extract<Message, { type: 'requestHeaders' }>['metadata']> =>
  fc.record({
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
  });

/** Request headers of a dialect. */
export function requestHeaders(dialect: Dialect): fc.Arbitrary<Extract<Message, { type: 'requestHeaders' }>> {
  return fc
    .record({
      type: fc.constant('requestHeaders' as const),
      id: id(dialect),
      metadata: metadata(dialect, text),
      method: fc.oneof(
        fc.constantFrom('GET', 'POST', 'PROPFIND'),
        fc.stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,20}$/),
      ),
      uri: text.map((any) => any.replaceAll(/[\0- \x7f]/g, '/')),
      headers: headerList(dialect),
      hasBody: dialect === 'documented' ? fc.option(fc.boolean(), { nil: undefined }) : fc.constant(undefined),
    })
    .map((event) => {
      if (dialect === 'zentinel') Object.assign(event.metadata, { correlationId: event.id });
      return event;
    });
}

/** Body chunks of a dialect. */
export function bodyChunk(dialect: Dialect): fc.Arbitrary<Message> {
  return fc
    .record({
      type: fc.constantFrom('requestBodyChunk' as const, 'responseBodyChunk' as const),
      id: id(dialect),
      index: u32,
      data: fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes)),
      last: fc.boolean(),
      totalSize: optional(u64),
      bytesTransferred: u64,
    })
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

const verdict = fc.oneof(
  { weight: 3, arbitrary: fc.constant({ type: 'allow' as const }) },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('block' as const),
      status: fc.integer({ min: 200, max: 999 }),
      body: optional(text),
      headers: optional(fc.tuple(name, value).map((line) => line as readonly string[])),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('redirect' as const),
      url: fc.webUrl(),
      status: fc.constantFrom(302, 307),
    }),
  },
);

/** Decisions in the form in which they are delivered: what is empty is absent. */
const decision: fc.Arbitrary<Decision> = fc.record({
  verdict,
  requestHeaders: optional(fc.array(op, { minLength: 1, maxLength: 4 })),
  responseHeaders: optional(fc.array(op, { minLength: 1, maxLength: 4 })),
  audit: optional(
    fc.record({
      tags: texts,
      ruleIds: optional(texts),
      confidence: optional(fc.constantFrom(0, 0.5, 1)),
      reasonCodes: optional(texts),
      custom: optional(json),
    }),
  ),
  needsMore: optional(fc.constant(true)),
  requestBodyMutation: fc.option(mutation, { nil: undefined, freq: 8 }),
  routingMetadata: fc.option(
    fc.dictionary(
      fc.string({ maxLength: 5 }).filter((key) => key !== '__proto__'),
      text,
      { minKeys: 1, maxKeys: 3 },
    ),
    { nil: undefined, freq: 6 },
  ),
});

/** Answers of a dialect. */
export const answer = (dialect: Dialect): fc.Arbitrary<Extract<Message, { type: 'answer' }>> =>
  fc.record({ type: fc.constant('answer' as const), id: id(dialect), decision });
