import { fromBinary, toBinary, create } from '@bufbuild/protobuf';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Outbox } from '@agentwire/wire-codec';
import type { Decision, HeaderOp, Message } from '@agentwire/core';
import { fieldTags } from '../../generate/field-tags.ts';
import { createCodec } from '../../src/codec/codec.ts';
import { readAgentMessage, readProxyMessage } from '../../src/codec/reference/reference-reader.ts';
import { writeAgentMessage, writeProxyMessage } from '../../src/codec/reference/reference-writer.ts';
import { AgentToProxySchema, ProxyToAgentSchema } from '../../src/gen/zentinel/agent/v2/agent_pb.ts';
import { AGENT_MESSAGES, PROXY_MESSAGES } from '../support/peers.ts';

const context = { ours: true, errors: true, nowMs: () => 1_700_000_000_000, configureId: () => 'made-up' };
const proxy = createCodec('proxy', context);
const agent = createCodec('agent', context);

/** Bytes that the codec writes, hot or not. */
function bytesOf(codec: typeof proxy, message: Message): Buffer {
  const outbox = new Outbox({ write: () => undefined }, { onDrain: () => undefined });
  const end = codec.write(message, outbox);
  return Buffer.from(outbox.bytes.subarray(5, end));
}

const text = fc.oneof(fc.string({ maxLength: 60 }), fc.string({ unit: 'grapheme', maxLength: 40 }));
const id = text.filter((value) => value !== '');
const token = fc.stringMatching(/^[a-zA-Z0-9-]{1,20}$/);
const value = fc.oneof(fc.stringMatching(/^[\x20-\x7e]{0,80}$/), fc.stringMatching(/^[a-z\u00e4\u00f6]{0,50}$/));
const headers = fc.array(fc.tuple(token, value), { maxLength: 20 }).map((pairs) => pairs.flat());
const count = fc.oneof(fc.nat(300), fc.maxSafeNat());
const optional = <T>(one: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(one, { nil: undefined });
const clean = <T extends object>(given: T): T =>
  Object.fromEntries(Object.entries(given).filter(([, one]) => one !== undefined)) as T;

const metadata = fc
  .record({
    requestId: text,
    clientIp: text,
    clientPort: fc.nat(65_535),
    serverName: optional(text),
    protocol: text,
    tlsVersion: optional(text),
    routeId: optional(text),
    upstreamId: optional(text),
    timestamp: fc.oneof(
      fc.constant(''),
      fc.date({ min: new Date(1), max: new Date('9999-12-31'), noInvalidDate: true }).map((date) => date.toISOString()),
    ),
    traceparent: optional(text),
  })
  .map(clean);
const requestHeaders = fc
  .record({
    id,
    metadata,
    method: token,
    uri: fc.stringMatching(/^\/[\x21-\x7e]{0,100}$/),
    headers,
    hasBody: optional(fc.boolean()),
  })
  .map((one): Message =>
    Object.assign(one, {
      type: 'requestHeaders' as const,
      metadata: Object.assign({ correlationId: one.id }, one.metadata),
    }),
  );
const responseHeaders = fc
  .record({ id, status: fc.integer({ min: 100, max: 999 }), headers, hasBody: optional(fc.boolean()) })
  .map((one): Message => ({ type: 'responseHeaders', ...one }));
const chunk = fc
  .record({
    type: fc.constantFrom('requestBodyChunk' as const, 'responseBodyChunk' as const),
    id,
    index: fc.oneof(fc.nat(300), fc.nat(0xffff_ffff)),
    data: fc.uint8Array({ maxLength: 300 }),
    last: fc.boolean(),
    totalSize: optional(count),
    bytesTransferred: optional(count.filter((one) => one > 0)),
  })
  .map((one) => clean(one) as Message);
const op: fc.Arbitrary<HeaderOp> = fc.oneof(
  fc.record({ op: fc.constantFrom('set' as const, 'add' as const), name: token, value }),
  fc.record({ op: fc.constant('remove' as const), name: token }),
);
const some = <T>(one: fc.Arbitrary<T>): fc.Arbitrary<T[] | undefined> =>
  optional(fc.array(one, { minLength: 1, maxLength: 4 }));
const decision: fc.Arbitrary<Decision> = fc
  .record({
    verdict: fc.oneof(
      { weight: 4, arbitrary: fc.constant({ type: 'allow' as const }) },
      {
        weight: 1,
        arbitrary: fc.record({ type: fc.constant('block' as const), status: fc.integer({ min: 200, max: 999 }) }),
      },
    ),
    requestHeaders: some(op),
    responseHeaders: some(op),
    audit: optional(fc.record({ tags: some(text), ruleIds: some(text), reasonCodes: some(text) }).map(clean)),
    needsMore: optional(fc.constant(true)),
    routingMetadata: optional(fc.constant({ a: 'b' })),
  })
  .map((one) => clean(one) as Decision);
const answer = fc
  .record({ id, decision })
  .map(({ id: one, decision: made }): Message => ({ type: 'answer', id: one, decision: made }));

describe('the codec against protobuf-es', () => {
  it('has the tags that the proto says', () => {
    const path = new URL('../../src/codec/hot/field-tags.ts', import.meta.url);
    expect(readFileSync(path, 'utf8')).toBe(fieldTags());
  });

  const runs = { numRuns: 2000 };

  it('writes events that protobuf-es reads as the reference means them', () => {
    fc.assert(
      fc.property(fc.oneof(requestHeaders, responseHeaders, chunk), (message) => {
        const hot = fromBinary(ProxyToAgentSchema, bytesOf(proxy, message));
        expect(hot).toEqual(fromBinary(ProxyToAgentSchema, Buffer.from(writeProxyMessage(message, context))));
      }),
      runs,
    );
  });

  it('says nothing of a body to a stranger, and believes nothing that one says of it', () => {
    const foreign = { ...context, ours: false };
    fc.assert(
      fc.property(fc.oneof(requestHeaders, responseHeaders), (message) => {
        const told = bytesOf(createCodec('proxy', foreign), message);
        expect(fromBinary(ProxyToAgentSchema, told)).toEqual(
          fromBinary(ProxyToAgentSchema, writeProxyMessage({ ...message, hasBody: undefined } as Message, context)),
        );
        const said = bytesOf(proxy, message);
        const read = createCodec('agent', foreign).read(said, 0, said.length);
        expect(read).toEqual({ ...message, hasBody: undefined });
      }),
      runs,
    );
  });

  it('writes answers that protobuf-es reads as the reference means them', () => {
    fc.assert(
      fc.property(answer, (message) => {
        const hot = fromBinary(AgentToProxySchema, bytesOf(agent, message));
        expect(hot).toEqual(fromBinary(AgentToProxySchema, Buffer.from(writeAgentMessage(message, context))));
      }),
      runs,
    );
  });

  it('reads events that protobuf-es wrote', () => {
    fc.assert(
      fc.property(fc.oneof(requestHeaders, responseHeaders, chunk), (message) => {
        const bytes = Buffer.from(writeProxyMessage(message, context));
        expect(agent.read(bytes, 0, bytes.length)).toEqual(message);
        expect(readProxyMessage(Uint8Array.from(bytes), context)).toEqual(message);
      }),
      runs,
    );
  });

  it('reads answers that protobuf-es wrote, the kept ones too', () => {
    fc.assert(
      fc.property(answer, (message) => {
        const bytes = Buffer.from(writeAgentMessage(message, context));
        for (let round = 0; round < 4; round += 1) expect(proxy.read(bytes, 0, bytes.length)).toEqual(message);
      }),
      runs,
    );
  });

  it('reads what it wrote, wherever it lies in a read', () => {
    fc.assert(
      fc.property(fc.oneof(requestHeaders, responseHeaders, chunk), fc.nat(50), (message, before) => {
        const bytes = Buffer.concat([Buffer.alloc(before, 0xff), bytesOf(proxy, message), Buffer.alloc(3, 0xff)]);
        expect(agent.read(bytes, before, bytes.length - 3)).toEqual(message);
      }),
      runs,
    );
  });

  it('says the same as the reference about any bytes', () => {
    const samples = [...PROXY_MESSAGES, ...AGENT_MESSAGES].map((message) => {
      const isEvent = PROXY_MESSAGES.includes(message);
      return {
        isEvent,
        bytes: Buffer.from(isEvent ? writeProxyMessage(message, context) : writeAgentMessage(message, context)),
      };
    });
    const sample = fc.constantFrom(...samples);
    // processing_time_ms with the type of a fixed64, and a second id in the bytes that another reader skips
    const BLOCK = samples[PROXY_MESSAGES.length + 1] as (typeof samples)[number];
    const change = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 });
    fc.assert(
      fc.property(sample, change, fc.nat(), ({ isEvent, bytes }, changes, cut) => {
        const broken = Buffer.from(bytes);
        for (const [at, byte] of changes) broken[at % broken.length] = byte;
        const short = broken.subarray(0, cut % 3 === 0 ? cut % (broken.length + 1) : broken.length);
        const got = (isEvent ? agent : proxy).read(short, 0, short.length);
        const want = isEvent
          ? readProxyMessage(Uint8Array.from(short), context)
          : readAgentMessage(Uint8Array.from(short), context);
        expect(got).toEqual(want);
      }),
      { numRuns: 5000, examples: [[BLOCK, [[63, 0x69]], 1]] },
    );
  });

  it('keeps the bytes of a frozen decision, and never its id', () => {
    const frozen = Object.freeze({ verdict: Object.freeze({ type: 'allow' as const }), needsMore: true });
    for (const one of ['a-1', 'ü', 'a-2']) {
      const message: Message = { type: 'answer', id: one, decision: frozen };
      const bytes = bytesOf(agent, message);
      expect(proxy.read(bytes, 0, bytes.length)).toEqual(message);
    }
  });

  it('merges an embedded message that comes twice, as protobuf asks', () => {
    const part = (init: object): Uint8Array =>
      toBinary(ProxyToAgentSchema, create(ProxyToAgentSchema, { message: { case: 'requestHeaders', value: init } }));
    const first = part({ metadata: { correlationId: 'm-1', clientIp: '192.0.2.7' }, method: 'GET' });
    const bytes = Buffer.concat([first, part({ metadata: { requestId: 'r' }, uri: '/x' })]);
    expect(agent.read(bytes, 0, bytes.length)).toMatchObject({
      id: 'm-1',
      method: 'GET',
      uri: '/x',
      metadata: { clientIp: '192.0.2.7', requestId: 'r' },
    });
  });

  it('names the request of an event that cannot be read', () => {
    const whole = writeProxyMessage(PROXY_MESSAGES[0] as Message, context);
    const bytes = Buffer.from(whole);
    const at = bytes.indexOf('example.com');
    bytes[at] = 0xff;
    expect(agent.read(bytes, 0, bytes.length)).toMatchObject({
      type: 'malformed',
      of: 'requestHeaders',
      id: 'p-1',
      error: { code: 'ERR_PROTOCOL' },
    });
  });

  it('takes no answer without a decision for an allow', () => {
    const bytes = Buffer.from(
      toBinary(
        AgentToProxySchema,
        create(AgentToProxySchema, { message: { case: 'response', value: { correlationId: 'n-1' } } }),
      ),
    );
    expect(proxy.read(bytes, 0, bytes.length)).toMatchObject({ type: 'malformed', of: 'answer', id: 'n-1' });
  });
});
