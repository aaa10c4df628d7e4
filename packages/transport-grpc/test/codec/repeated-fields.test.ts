import { create, toBinary, type MessageInitShape } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createCodec } from '../../src/codec/codec.ts';
import { readAgentMessage } from '../../src/codec/reference/reference-reader.ts';
import { AgentResponseSchema, AgentToProxySchema } from '../../src/gen/zentinel/agent/v2/agent_pb.ts';

const context = { isAgentwire: true, errors: true, nowMs: () => 0, configureId: () => 'made-up' };
const proxy = createCodec('proxy', context);

type Part = MessageInitShape<typeof AgentResponseSchema>;
const bytesOf = (part: Part): Uint8Array => toBinary(AgentResponseSchema, create(AgentResponseSchema, part));
/** Answer with its fields one after the other, as a hand-written encoder can send it. */
function answerOf(...parts: readonly Part[]): Buffer {
  const content = Buffer.concat(parts.map(bytesOf));
  const length = content.length < 128 ? [content.length] : [(content.length & 127) | 128, content.length >> 7];
  return Buffer.concat([Buffer.of(0x12, ...length), content]);
}
const read = (bytes: Buffer): unknown => proxy.read(bytes, 0, bytes.length);
const id = { correlationId: 'a' };
const allow: Part = { decision: { case: 'allow', value: {} } };
const block: Part = { decision: { case: 'block', value: { status: 403 } } };
const set = { case: 'set' as const, value: { name: 'a', value: 'b' } };
const remove = { case: 'remove' as const, value: 'c' };
/** One operation of a header with two members of its oneof. */
const twoOps = Buffer.concat([Buffer.of(0x52, 11), Buffer.of(0x0a, 6, 0x0a, 1, 0x61, 0x12, 1, 0x62, 0x1a, 1, 0x63)]);

describe('an answer over gRPC', () => {
  test.each<readonly [string, readonly Part[]]>([
    ['no verdict', [id]],
    ['a block and an allow', [id, block, allow]],
    ['an allow and a block', [id, allow, block]],
    ['one verdict twice', [id, allow, allow]],
    ['two blocks', [id, block, { decision: { case: 'block', value: { status: 200 } } }]],
    ['more twice', [id, allow, { needsMore: true }, { needsMore: true }]],
    ['audit twice', [id, allow, { audit: { tags: ['a'] } }, { audit: { tags: ['b'] } }]],
    ['one key of a map twice', [id, allow, { routingMetadata: { a: 'b' } }, { routingMetadata: { a: 'c' } }]],
    ['an error twice', [id, { error: { code: 'A' } }, { error: { code: 'B' } }]],
    ['drop and close', [id, allow, { websocketDecision: { drop: true, closeCode: 1000 } }]],
    ['its own id twice', [id, allow, id]],
    ['a block with 101', [id, { decision: { case: 'block', value: { status: 101 } } }]],
    ['a redirect with 200', [id, { decision: { case: 'redirect', value: { url: '/', status: 200 } } }]],
    ['a redirect to javascript', [id, { decision: { case: 'redirect', value: { url: 'javascript:1', status: 302 } } }]],
    ['a WebSocket code of 5', [id, allow, { websocketDecision: { closeCode: 5 } }]],
  ])('with %s is refused each time, under its id', (_what, parts) => {
    for (let round = 0; round < 4; round += 1) {
      expect(read(answerOf(...parts))).toMatchObject({
        type: 'malformed',
        of: 'answer',
        id: 'a',
        error: { code: 'ERR_PROTOCOL' },
      });
    }
  });

  test('with two ids belongs to neither, each time', () => {
    for (let round = 0; round < 4; round += 1) {
      const got = read(answerOf(id, allow, { correlationId: 'b' })) as { id?: string };
      expect(got).toMatchObject({ type: 'malformed', of: 'answer' });
      expect(got.id).toBeUndefined();
    }
  });

  test('with an empty second id is refused too', () => {
    const bytes = Buffer.concat([Buffer.of(0x12, 7, 0x0a, 1, 0x61, 0x12, 0, 0x0a, 0)]);
    for (let round = 0; round < 4; round += 1) expect(read(bytes)).toMatchObject({ type: 'malformed', of: 'answer' });
  });

  test('with an operation that is two is refused', () => {
    const content = Buffer.concat([bytesOf({ ...id, ...allow }), twoOps]);
    const bytes = Buffer.concat([Buffer.of(0x12, content.length), content]);
    expect(read(bytes)).toMatchObject({ type: 'malformed', id: 'a' });
    expect(
      read(answerOf({ ...id, ...allow, requestHeaders: [{ operation: set }, { operation: remove }] })),
    ).toMatchObject({ type: 'answer', decision: { requestHeaders: [{ op: 'set' }, { op: 'remove' }] } });
  });

  test('beside another message in the same frame is refused', () => {
    const pong = toBinary(AgentToProxySchema, create(AgentToProxySchema, { message: { case: 'pong', value: {} } }));
    expect(read(Buffer.concat([answerOf(id, block), Buffer.from(pong)]))).toMatchObject({ type: 'malformed', id: 'a' });
    expect(read(Buffer.concat([answerOf(id, block), answerOf(id, allow)]))).toMatchObject({ type: 'malformed' });
  });

  test('is read the same when it comes again, whatever its fields say twice', () => {
    const part = fc.constantFrom<Part>(
      id,
      { correlationId: 'b' },
      allow,
      block,
      { needsMore: true },
      { audit: { tags: ['t'] } },
      { audit: { custom: { a: '1' } } },
      { requestHeaders: [{ operation: set }] },
      { routingMetadata: { a: 'b' } },
      { error: { code: 'ERR_HANDLER', message: 'm' } },
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 5 }), (parts) => {
        for (const one of [id, id, id, { correlationId: 'other' }]) {
          const bytes = answerOf(one, ...parts);
          expect(read(bytes)).toEqual(readAgentMessage(Uint8Array.from(bytes), context));
        }
      }),
      { numRuns: 1000 },
    );
  });
});
