import type { Decision } from '@agentwire/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { describeDifference } from '../src/describe-difference.ts';
import { differences } from '../src/differences.ts';
import { recordedDecision } from '../src/recorded-decision.ts';
import { parseRecordedRequest } from '../src/recorded-request.ts';
import { Redaction } from '../src/redaction.ts';

const name = fc.constantFrom('x-a', 'set-cookie', 'location', 'X-Api-Key', 'vary');
const value = fc.constantFrom('', '1', 'a?b=c', 'https://a.example/?q');
const op = fc.oneof(
  fc.record({ op: fc.constantFrom('set' as const, 'add' as const), name, value }),
  fc.record({ op: fc.constant('remove' as const), name }),
);
const bytes = fc.uint8Array({ maxLength: 8 });
const mutation = fc.record({ index: fc.nat(3), data: fc.option(bytes) });
const decision: fc.Arbitrary<Decision> = fc.record(
  {
    verdict: fc.oneof(
      fc.constant({ type: 'allow' as const }),
      fc.record({
        type: fc.constant('block' as const),
        status: fc.constantFrom(403, 503),
        body: fc.option(fc.string({ maxLength: 6 }), { nil: undefined }),
        headers: fc.option(fc.constantFrom(['set-cookie', 'a'], ['x-why', 'rule']), { nil: undefined }),
      }),
      fc.record({
        type: fc.constant('redirect' as const),
        status: fc.constant(302),
        url: fc.constantFrom('/a', '/a?b=c', '/b?', '/a#c', '//u:p@a/a', '//a/a', '/a;vary=1', '/a;vary=;sid=2'),
      }),
      fc.record({
        type: fc.constant('challenge' as const),
        challengeType: fc.constant('captcha'),
        params: fc.dictionary(fc.constantFrom('site', 'token'), fc.string({ maxLength: 3 })),
      }),
    ),
    requestHeaders: fc.array(op, { maxLength: 3 }),
    responseHeaders: fc.array(op, { maxLength: 3 }),
    needsMore: fc.boolean(),
    requestBodyMutation: mutation,
    responseBodyMutation: mutation,
    routingMetadata: fc.dictionary(fc.constantFrom('pool', 'session'), fc.string({ maxLength: 3 })),
    audit: fc.record(
      {
        ruleIds: fc.array(fc.constantFrom('1', '2'), { maxLength: 2 }),
        tags: fc.array(fc.constantFrom('a', 'b'), { maxLength: 2 }),
        confidence: fc.float({ min: 0, max: 1, noNaN: true }),
        custom: fc.constant({ a: 1 }),
      },
      { requiredKeys: [] },
    ),
  },
  { requiredKeys: ['verdict'] },
);
const redaction = fc.constantFrom(Redaction.none, new Redaction(), new Redaction({ query: true, redact: ['vary'] }));
const limit = fc.constantFrom(0, 4, Infinity);

const read = (one: unknown): never => JSON.parse(JSON.stringify(one)) as never;

test('a decision does not differ from its own record, however much of that was redacted', () => {
  fc.assert(
    fc.property(decision, redaction, limit, (one, rules, maxBodyBytes) => {
      expect(differences(read(recordedDecision(one, rules, maxBodyBytes)), one)).toEqual([]);
    }),
  );
});

test('decisions that differ in what was recorded are told apart', () => {
  fc.assert(
    fc.property(decision, decision, (one, other) => {
      const [before, after] = [one, other].map((each) => recordedDecision(each, Redaction.none, Infinity));
      const isEqual = JSON.stringify(sorted(before)) === JSON.stringify(sorted(after));
      expect(differences(read(before), other).length === 0).toBe(isEqual);
    }),
  );
});

/** Returns a value whose objects have their members in order. */
function sorted(one: unknown): unknown {
  if (Array.isArray(one)) return one.map(sorted);
  if (typeof one !== 'object' || one === null) return one;
  return Object.fromEntries(
    Object.entries(one)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, each]) => [key, sorted(each)]),
  );
}

test('a redacted value is equal to any value, but not to none; an address is compared without its query', () => {
  const set = (header: string): Decision => ({
    verdict: { type: 'redirect', url: '/in?state=1', status: 302 },
    responseHeaders: [{ op: 'set', name: 'set-cookie', value: header }],
  });
  const before = recordedDecision(set('a'), new Redaction(), 0);
  expect(differences(before, set('b'))).toEqual([]);
  expect(differences(before, { ...set('a'), verdict: { type: 'redirect', url: '/in?state=2', status: 302 } })).toEqual(
    [],
  );
  expect(
    differences(before, { ...set('a'), verdict: { type: 'redirect', url: '/out?state=1', status: 302 } }),
  ).toHaveLength(1);
  expect(differences(before, { verdict: set('a').verdict })).toMatchObject([
    { field: 'response_headers', after: undefined },
  ]);
  expect(JSON.stringify(differences({ decision: 'allow' }, set('secret')))).not.toContain('secret');
});

test('null where nothing is redacted, as a hand may write it, is a difference', () => {
  const block: Decision = { verdict: { type: 'block', status: 403, headers: ['x-why', 'rule'] } };
  const before = (verdict: unknown, more: object = {}): never => ({ decision: verdict, ...more }) as never;
  expect(differences(before({ block: { status: 403, headers: { 'x-why': null } } }), block)).toEqual([]);
  for (const wrong of [
    before(null),
    before({ block: null }),
    before({ block: { status: null, headers: { 'x-why': 'rule' } } }),
    before({ block: { status: 403, headers: null } }),
  ])
    expect(differences(wrong, block), JSON.stringify(wrong)).toMatchObject([{ field: 'decision' }]);
  const set: Decision = { verdict: { type: 'allow' }, requestHeaders: [{ op: 'set', name: 'x-a', value: '1' }] };
  for (const ops of [null, [null], [{ set: null }], [{ set: { name: null, value: null } }]])
    expect(differences(before('allow', { request_headers: ops }), set)).toMatchObject([{ field: 'request_headers' }]);
  const tagged: Decision = { verdict: { type: 'allow' }, audit: { tags: ['a'], confidence: 1 } };
  expect(differences(before('allow', { audit: { tags: [null], confidence: null } }), tagged)).toHaveLength(2);
  expect(differences(before('allow', { audit: null }), { verdict: { type: 'allow' } })).toHaveLength(4);
  const [difference] = differences(before(null), block);
  expect(difference && describeDifference(difference)).toEqual(['null', 'block 403']);
});

test('anything else than a line of a recording is none', () => {
  const line = {
    recording: 1,
    id: 'a',
    agent: 'b',
    request: { method: 'GET', uri: '/', headers: [], metadata: {} },
    calls: [],
  };
  expect(parseRecordedRequest(JSON.stringify(line))).toEqual(line);
  const wrong: unknown[] = [
    [],
    null,
    { ...line, recording: 2 },
    { ...line, id: 1 },
    { ...line, agent: undefined },
    { ...line, request: { ...line.request, headers: ['a', 'b'] } },
    { ...line, request: { ...line.request, headers: [['a']] } },
    { ...line, request: { ...line.request, metadata: null } },
    { ...line, calls: [{ event: 'configure' }] },
    { ...line, calls: [{ event: 'requestBodyChunk' }] },
    { ...line, calls: [{ event: 'responseHeaders', status: 200 }] },
    { ...line, calls: [{ event: 'requestHeaders', decision: 'allow' }] },
    { ...line, complete: 1 },
  ];
  for (const one of wrong) expect(parseRecordedRequest(JSON.stringify(one)), JSON.stringify(one)).toBe(undefined);
  expect(parseRecordedRequest('{"recording":1')).toBe(undefined);
});
