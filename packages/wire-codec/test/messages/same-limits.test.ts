import type { Message } from '@agentwire/core';
import { describe, expect, test } from 'vitest';

import { codecPair, FORMATS, frameOf, readFrame } from './codec-pair.ts';
import { samplesOf } from './samples.ts';

const lines = (count: number): string[] => Array.from({ length: count }, () => ['a', 'b']).flat();

describe.each(FORMATS)('one limit for every reader of $dialect $encoding', ({ dialect, encoding }) => {
  const { proxy, agent } = codecPair(dialect, encoding);
  const [head] = samplesOf(dialect);
  const withLines = (count: number): Message =>
    ({ ...head?.message, headers: lines(count) }) as Extract<Message, { type: 'requestHeaders' }>;

  test('takes 1 000 header lines and refuses 1 001, canonical or not', () => {
    expect(readFrame(agent, frameOf(proxy, withLines(1000)))).toMatchObject({ type: 'requestHeaders' });
    expect(readFrame(agent, frameOf(proxy, withLines(1001)))).toMatchObject({
      type: 'malformed',
      error: { code: 'ERR_MESSAGE_TOO_LARGE' },
    });
  });
});

describe('a block', () => {
  const read = (headers: unknown): unknown => {
    const payload = Buffer.from(JSON.stringify({ request_id: 5, decision: { block: { status: 403, headers } } }));
    return codecPair('documented', 'json').proxy.read(0x20, payload, 0, payload.length);
  };

  test('has at most 1 000 values, under one name too', () => {
    expect(read({ a: Array.from({ length: 1000 }, () => 'b') })).toMatchObject({ type: 'answer' });
    expect(read({ a: Array.from({ length: 9000 }, () => 'b') })).toMatchObject({ type: 'malformed', id: 5 });
  });

  test.each(FORMATS)(
    'with a name twice is refused where it is written: $dialect $encoding',
    ({ dialect, encoding }) => {
      const { agent } = codecPair(dialect, encoding);
      const verdict = Object.freeze({
        type: 'block' as const,
        status: 403,
        headers: Object.freeze(['set-cookie', 'a', 'set-cookie', 'b']),
      });
      for (const decision of [{ verdict }, Object.freeze({ verdict })]) {
        const id = dialect === 'documented' ? 1 : 'a';
        expect(() => frameOf(agent, { type: 'answer', id, decision })).toThrow(
          expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }) as Error,
        );
      }
    },
  );
});

describe.each(FORMATS)('a header value in UTF-8 in $dialect $encoding', ({ dialect, encoding }) => {
  const { proxy, agent } = codecPair(dialect, encoding);
  const id = dialect === 'documented' ? 1 : 'a';
  test.each(['ž', '\u00e9ž', 'caf\u00e9', 'Ã©', '\u00e9', 'a\u{1f642}'])(
    'comes back as the text it came as, byte for byte: %s',
    (text) => {
      const bytes = /[\u0100-\uffff]/.test(text) ? Buffer.from(text).toString('latin1') : text;
      const event: Message = { type: 'responseHeaders', id, status: 200, headers: ['x', bytes], hasBody: false };
      const frame = frameOf(proxy, event);
      expect(frame.includes(text)).toBe(true);
      expect(readFrame(agent, frame)).toMatchObject({ headers: ['x', bytes] });
      const decision = {
        verdict: { type: 'allow' as const },
        requestHeaders: [{ op: 'set' as const, name: 'x', value: bytes }],
      };
      const answer = frameOf(agent, { type: 'answer', id, decision });
      expect(answer.includes(text)).toBe(true);
      expect(readFrame(proxy, answer)).toMatchObject({ type: 'answer', decision });
    },
  );
});

test('the documented dialect keeps the length of a request body, as of a response body', () => {
  for (const encoding of ['json', 'msgpack']) {
    const { proxy, agent } = codecPair('documented', encoding);
    for (const type of ['requestBodyChunk', 'responseBodyChunk'] as const) {
      const chunk: Message = { type, id: 1, index: 0, data: Buffer.from('x'), last: false, totalSize: 5 };
      expect(readFrame(agent, frameOf(proxy, chunk))).toMatchObject({ totalSize: 5 });
    }
  }
});
