import { create, fromBinary, toBinary, type MessageInitShape } from '@bufbuild/protobuf';
import type { Decision, Message } from '@agentwire/core';
import { Outbox } from '@agentwire/wire-codec';
import { describe, expect, test } from 'vitest';
import { createCodec } from '../../src/codec/codec.ts';
import { AgentToProxySchema, ProxyToAgentSchema } from '../../src/gen/zentinel/agent/v2/agent_pb.ts';

const agentwire = { isAgentwire: true, errors: true, nowMs: () => 5, configureId: () => 'made-up' };
const thirdParty = { ...agentwire, isAgentwire: false, errors: false };

function bytesOf(codec: ReturnType<typeof createCodec>, message: Message): Buffer {
  const outbox = new Outbox({ write: () => undefined }, { onDrain: () => undefined });
  const end = codec.write(message, outbox);
  return Buffer.from(outbox.bytes.subarray(5, end));
}
const read = (codec: ReturnType<typeof createCodec>, bytes: Uint8Array): unknown =>
  codec.read(Buffer.from(bytes), 0, bytes.length);
const fromProxy = (message: NonNullable<MessageInitShape<typeof ProxyToAgentSchema>['message']>): Uint8Array =>
  toBinary(ProxyToAgentSchema, create(ProxyToAgentSchema, { message }));
const fromAgent = (message: NonNullable<MessageInitShape<typeof AgentToProxySchema>['message']>): Uint8Array =>
  toBinary(AgentToProxySchema, create(AgentToProxySchema, { message }));

const allow = { type: 'allow' as const };

describe('a decision towards a peer that is not agentwire', () => {
  const agent = createCodec('agent', thirdParty);
  test.each<readonly [string, Decision]>([
    ['a WebSocket close', { verdict: allow, webSocket: { type: 'close', code: 1008, reason: '' } }],
    ['a WebSocket drop', { verdict: allow, webSocket: { type: 'drop' } }],
    ['a dropped chunk', { verdict: allow, requestBodyMutation: { index: 0, data: new Uint8Array() } }],
    ['a replaced chunk', { verdict: allow, responseBodyMutation: { index: 0, data: Uint8Array.of(1) } }],
    ["a guardrail's result", { verdict: allow, routingMetadata: { guardrail_response: '{}' } }],
  ])('is not sent as a bare allow when it is %s, frozen or not', (_what, decision) => {
    for (const one of [decision, Object.freeze(decision)]) {
      expect(() => bytesOf(agent, { type: 'answer', id: 'a', decision: one })).toThrow(
        expect.objectContaining({ code: 'ERR_UNSUPPORTED' }) as Error,
      );
    }
    expect(bytesOf(createCodec('agent', agentwire), { type: 'answer', id: 'a', decision }).length).toBeGreaterThan(0);
  });

  test.each<readonly [string, Decision]>([
    ['passes a chunk', { verdict: allow, requestBodyMutation: { index: 0, data: null } }],
    ['allows a frame', { verdict: allow, webSocket: { type: 'allow' } }],
    ['blocks anyway', { verdict: { type: 'block', status: 403 }, webSocket: { type: 'drop' } }],
    ['routes', { verdict: allow, routingMetadata: { pool: 'b' } }],
  ])('is sent when it %s', (_what, decision) => {
    const bytes = bytesOf(agent, { type: 'answer', id: 'a', decision });
    expect(fromBinary(AgentToProxySchema, bytes).message.case).toBe('response');
  });
});

test('a decision that may be cached has number 105, from and for agentwire only', () => {
  const decision: Decision = { verdict: allow, cache: { ttlMs: 5_000, vary: ['path', 'x-user'] } };
  const message: Message = { type: 'answer', id: 'a', decision };
  const bytes = bytesOf(createCodec('agent', agentwire), message);
  expect(bytes.toString('hex')).toBe('12190a01611200ca06110888271204706174681206782d75736572');
  const bare = {
    type: 'answer',
    id: 'a',
    decision: expect.not.objectContaining({ cache: expect.anything() as unknown }) as unknown,
  };
  expect(read(createCodec('proxy', agentwire), bytes)).toMatchObject(message);
  expect(read(createCodec('proxy', thirdParty), bytes)).toMatchObject(bare);
  expect(bytesOf(createCodec('agent', thirdParty), message).includes('x-user')).toBe(false);
  const cache = (value: { ttlMs?: number; vary?: string[] }): unknown =>
    read(
      createCodec('proxy', agentwire),
      fromAgent({
        case: 'response',
        value: { correlationId: 'a', decision: { case: 'allow', value: {} }, cache: value },
      }),
    );
  for (const value of [{ ttlMs: 1 }, { vary: ['path'] }, { ttlMs: 1, vary: [':path'] }])
    expect(cache(value)).toMatchObject({ type: 'malformed', of: 'answer', id: 'a', error: { code: 'ERR_PROTOCOL' } });
});

describe('what such a peer sends', () => {
  const agent = createCodec('agent', thirdParty);
  const guardrail = (contentType: number, contextJson = ''): unknown =>
    read(
      agent,
      fromProxy({ case: 'guardrail', value: { correlationId: 'g', content: 'c', contentType, contextJson } }),
    );

  test.each([0, 3, -1])('a guardrail of content type %i is refused', (contentType) => {
    expect(guardrail(contentType)).toMatchObject({
      type: 'malformed',
      of: 'guardrailInspect',
      id: 'g',
      error: { code: 'ERR_PROTOCOL' },
    });
  });

  test('has what it knows of a guardrail in context_json, in our shape or as names and texts', () => {
    const known = JSON.stringify({ categories: ['a'], route_id: 'r', metadata: { k: 'v' } });
    expect(guardrail(2, known)).toMatchObject({
      inspectionType: 'pii_detection',
      categories: ['a'],
      routeId: 'r',
      metadata: { k: 'v' },
    });
    expect(guardrail(1, '{"k":"v","n":1}')).toMatchObject({ categories: [], metadata: { k: 'v' } });
    expect(guardrail(1)).toMatchObject({ categories: [], metadata: {} });
    expect(guardrail(1, '[')).toMatchObject({ type: 'malformed', id: 'g' });
  });

  test('gives the numbers from 100 up of a third-party peer no meaning, seen before or not', () => {
    const bytes = fromAgent({
      case: 'response',
      value: {
        correlationId: 'a',
        decision: { case: 'block', value: { status: 403 } },
        error: { code: 'ERR_OVERLOADED', message: 'm' },
        routingMetadata: { a: 'b' },
        websocketDecision: { drop: true },
      },
    });
    for (let round = 0; round < 4; round += 1) {
      const known = read(createCodec('proxy', agentwire), bytes) as { decision: Decision };
      expect(known.decision).toMatchObject({ error: { code: 'ERR_OVERLOADED' }, webSocket: { type: 'drop' } });
      const other = read(createCodec('proxy', thirdParty), bytes) as { decision: Decision };
      expect(other.decision).toEqual({ verdict: { type: 'block', status: 403 } });
    }
    expect(read(createCodec('proxy', thirdParty), fromAgent({ case: 'drain', value: {} }))).toBeUndefined();
    const error = fromAgent({ case: 'response', value: { correlationId: 'a', error: { code: 'x' } } });
    expect(read(createCodec('proxy', thirdParty), error)).toMatchObject({ type: 'malformed', id: 'a' });
  });

  test('is a value in UTF-8 that comes back as it came, and one that an agent sets in UTF-8', () => {
    const value = 'ž \u00e9 \u{1f642}';
    const bytes = Buffer.from(value).toString('latin1');
    const event = read(
      agent,
      fromProxy({
        case: 'responseHeaders',
        value: { correlationId: 'r', statusCode: 200, headers: [{ name: 'x', value }] },
      }),
    ) as { headers: string[] };
    expect(event.headers).toEqual(['x', bytes]);
    const decision: Decision = { verdict: allow, responseHeaders: [{ op: 'set', name: 'x', value: bytes }] };
    const answer = bytesOf(agent, { type: 'answer', id: 'r', decision });
    expect(fromBinary(AgentToProxySchema, answer).message).toMatchObject({
      value: { responseHeaders: [{ operation: { value: { name: 'x', value } } }] },
    });
    expect(read(createCodec('proxy', thirdParty), answer)).toMatchObject({ decision });
  });
});

describe('a ping', () => {
  test('with numbers past 2^53 is repeated exactly, several with one rounded number too', () => {
    const agent = createCodec('agent', agentwire);
    const numbers = [2n ** 64n - 1n, 2n ** 64n - 2n, 2n ** 53n + 1n, 7n];
    const pings = numbers.map((sequence) =>
      read(agent, fromProxy({ case: 'ping', value: { sequence, timestampMs: 2n ** 63n + 1n } })),
    ) as Extract<Message, { type: 'ping' }>[];
    expect(pings.map(({ type }) => type)).toEqual(['ping', 'ping', 'ping', 'ping']);
    const pongs = pings.map(({ sequence, timestampMs }) =>
      fromBinary(AgentToProxySchema, bytesOf(agent, { type: 'pong', sequence, timestampMs })),
    );
    expect(pongs.map(({ message }) => message.value)).toMatchObject(
      numbers.map((sequence) => ({ sequence, pingTimestampMs: 2n ** 63n + 1n })),
    );
  });
});
