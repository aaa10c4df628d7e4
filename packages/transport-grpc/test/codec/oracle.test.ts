import { fromBinary, toBinary, create } from '@bufbuild/protobuf';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Outbox } from '@agentwire/wire-codec';
import type { Message } from '@agentwire/core';
import { fieldTags } from '../../generate/field-tags.ts';
import { createCodec } from '../../src/codec/codec.ts';
import { readAgentMessage, readProxyMessage } from '../../src/codec/reference/reference-reader.ts';
import { writeAgentMessage, writeProxyMessage } from '../../src/codec/reference/reference-writer.ts';
import { AgentToProxySchema, ProxyToAgentSchema } from '../../src/gen/zentinel/agent/v2/agent_pb.ts';
import { AGENT_MESSAGES, PROXY_MESSAGES } from '../support/peers.ts';
import { answer, event, headEvent, hotEvent } from './arbitraries.ts';

const context = { isAgentwire: true, errors: true, nowMs: () => 1_700_000_000_000, configureId: () => 'made-up' };
const proxy = createCodec('proxy', context);
const agent = createCodec('agent', context);

/** Bytes that the codec writes, hot or not. */
function bytesOf(codec: typeof proxy, message: Message): Buffer {
  const outbox = new Outbox({ write: () => undefined }, { onDrain: () => undefined });
  const end = codec.write(message, outbox);
  return Buffer.from(outbox.bytes.subarray(5, end));
}

describe('the codec against protobuf-es', () => {
  test('has the tags that the proto says', () => {
    const path = new URL('../../src/codec/hot/field-tags.ts', import.meta.url);
    expect(readFileSync(path, 'utf8')).toBe(fieldTags());
  });

  const runs = { numRuns: 2000 };

  test('writes events that protobuf-es reads as the reference means them', () => {
    fc.assert(
      fc.property(hotEvent, (message) => {
        const hot = fromBinary(ProxyToAgentSchema, bytesOf(proxy, message));
        expect(hot).toEqual(fromBinary(ProxyToAgentSchema, Buffer.from(writeProxyMessage(message, context))));
      }),
      runs,
    );
  });

  test('sends no agentwire fields to a third-party peer, and ignores those that it sends', () => {
    const thirdParty = { ...context, isAgentwire: false };
    fc.assert(
      fc.property(headEvent, (message) => {
        const told = bytesOf(createCodec('proxy', thirdParty), message);
        expect(fromBinary(ProxyToAgentSchema, told)).toEqual(
          fromBinary(ProxyToAgentSchema, writeProxyMessage(message, thirdParty)),
        );
        const known =
          message.type === 'requestHeaders'
            ? { ...message, metadata: { ...message.metadata, correlationId: message.id, tlsCipher: undefined } }
            : message;
        for (const bytes of [told, bytesOf(proxy, message)]) {
          expect(createCodec('agent', thirdParty).read(bytes, 0, bytes.length)).toEqual({
            ...known,
            hasBody: undefined,
          });
        }
      }),
      runs,
    );
  });

  test('writes answers that protobuf-es reads as the reference means them', () => {
    fc.assert(
      fc.property(answer, (message) => {
        const hot = fromBinary(AgentToProxySchema, bytesOf(agent, message));
        expect(hot).toEqual(fromBinary(AgentToProxySchema, Buffer.from(writeAgentMessage(message, context))));
      }),
      runs,
    );
  });

  test('reads events that protobuf-es wrote', () => {
    fc.assert(
      fc.property(event, (message) => {
        const bytes = Buffer.from(writeProxyMessage(message, context));
        expect(agent.read(bytes, 0, bytes.length)).toEqual(message);
        expect(readProxyMessage(Uint8Array.from(bytes), context)).toEqual(message);
      }),
      runs,
    );
  });

  test('reads answers that protobuf-es wrote, the kept ones too', () => {
    fc.assert(
      fc.property(answer, (message) => {
        const bytes = Buffer.from(writeAgentMessage(message, context));
        for (let round = 0; round < 4; round += 1) expect(proxy.read(bytes, 0, bytes.length)).toEqual(message);
      }),
      runs,
    );
  });

  test('reads what it wrote, wherever it lies in a read', () => {
    fc.assert(
      fc.property(hotEvent, fc.nat(50), (message, before) => {
        const bytes = Buffer.concat([Buffer.alloc(before, 0xff), bytesOf(proxy, message), Buffer.alloc(3, 0xff)]);
        expect(agent.read(bytes, before, bytes.length - 3)).toEqual(message);
      }),
      runs,
    );
  });

  test('says the same as the reference about any bytes', () => {
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

  test('keeps the bytes of a frozen decision, and never its id', () => {
    const frozen = Object.freeze({ verdict: Object.freeze({ type: 'allow' as const }), needsMore: true });
    for (const one of ['a-1', 'ü', 'a-2']) {
      const message: Message = { type: 'answer', id: one, decision: frozen };
      const bytes = bytesOf(agent, message);
      expect(proxy.read(bytes, 0, bytes.length)).toEqual(message);
    }
  });

  test('merges an embedded message that comes twice, as protobuf asks', () => {
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

  test('names the request of an event that cannot be read', () => {
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

  test('takes no answer without a decision for an allow', () => {
    const bytes = Buffer.from(
      toBinary(
        AgentToProxySchema,
        create(AgentToProxySchema, { message: { case: 'response', value: { correlationId: 'n-1' } } }),
      ),
    );
    expect(proxy.read(bytes, 0, bytes.length)).toMatchObject({ type: 'malformed', of: 'answer', id: 'n-1' });
  });
});
