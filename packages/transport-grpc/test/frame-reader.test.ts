import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FrameReader } from '../src/connection/frame-reader.ts';
import { ReadMemory } from '../src/connection/read-memory.ts';

const LIMIT = 1024 * 1024;

function framed(...messages: readonly string[]): Buffer {
  const parts = messages.map((text) => {
    const message = Buffer.alloc(5 + text.length);
    message.writeUInt32BE(text.length, 1);
    message.write(text, 5, 'latin1');
    return message;
  });
  return Buffer.concat(parts);
}

function setUp(limit: number = LIMIT): { reader: FrameReader; got: string[] } {
  const got: string[] = [];
  const reader = new FrameReader(limit, (buffer, start, end) => got.push(buffer.toString('latin1', start, end)));
  return { reader, got };
}

test('however the bytes are cut, the same messages come out', () => {
  const text = fc.oneof(
    fc.constant(''),
    fc.string({ unit: 'grapheme-ascii', maxLength: 40 }),
    fc.constant('x'.repeat(300_000)),
  );
  fc.assert(
    fc.property(fc.array(text, { maxLength: 8 }), fc.array(fc.integer({ min: 1, max: 90_000 })), (messages, sizes) => {
      const { reader, got } = setUp();
      const bytes = framed(...messages);
      let at = 0;
      for (const size of sizes) {
        // memory of its own, as reads have
        reader.push(Buffer.from(Uint8Array.from(bytes.subarray(at, at + size)).buffer));
        at += size;
      }
      if (at < bytes.length) reader.push(bytes.subarray(at));
      expect(got.join('|') === messages.join('|')).toBe(true);
      expect([got.length, reader.partialBytes, reader.keptBytes]).toEqual([messages.length, 0, 0]);
    }),
  );
});

test('a message that comes byte by byte arrives', () => {
  const { reader, got } = setUp();
  const bytes = framed('', 'abc', '');
  for (let i = 0; i < bytes.length; i++) reader.push(bytes.subarray(i, i + 1));
  expect(got).toEqual(['', 'abc', '']);
});

test('no more than the budget is handed out, and the rest when it is told to go on', () => {
  const { reader, got } = setUp();
  reader.budget = 2;
  reader.push(framed('a', 'b', 'c', 'd'));
  reader.push(framed('e'));
  expect(got).toEqual(['a', 'b']);
  expect(reader.keptBytes).toBe(3 * 6);
  reader.budget = 1;
  reader.go();
  expect(got).toEqual(['a', 'b', 'c']);
  reader.budget = Infinity;
  reader.go();
  expect([got.join(''), reader.keptBytes]).toEqual(['abcde', 0]);
});

test('a stopped reader keeps what comes, a dropped one forgets it', () => {
  const { reader, got } = setUp();
  reader.stop();
  reader.push(framed('a'));
  expect([got.length, reader.keptBytes]).toEqual([0, 6]);
  reader.start();
  expect(got).toEqual(['a']);
  reader.stop();
  reader.push(framed('b'));
  reader.drop();
  expect(reader.keptBytes).toBe(0);
});

test('a length past the limit and compression are refused before anything is kept', () => {
  expect(() => setUp(3).reader.push(framed('four'))).toThrow(/4 bytes is larger than the limit of 3/);
  const compressed = framed('abc');
  compressed[0] = 1;
  expect(() => setUp().reader.push(compressed)).toThrow(/compression flag 1/);
});

describe('memory of reads', () => {
  const read = (length: number): Buffer => Buffer.from(new ArrayBuffer(length));
  const isGone = (buffer: Buffer): boolean => (buffer.buffer as ArrayBuffer).detached;

  test('is freed when the next read begins, if all of it was copied', () => {
    const memory = new ReadMemory();
    const all = read(20_018);
    memory.saw(all.subarray(9, 10_009));
    memory.saw(all.subarray(10_018));
    expect(isGone(all)).toBe(false);
    memory.saw(read(5000));
    expect(isGone(all)).toBe(true);
  });

  test('stays when a part was lent or may be of another stream', () => {
    const memory = new ReadMemory();
    const lent = read(10_000);
    memory.saw(lent);
    memory.lend();
    const gapBefore = read(10_000);
    memory.saw(gapBefore.subarray(10));
    const gapBetween = read(10_000);
    memory.saw(gapBetween.subarray(0, 4000));
    memory.saw(gapBetween.subarray(4010));
    const gapBehind = read(10_000);
    memory.saw(gapBehind.subarray(0, 9990));
    memory.saw(read(5000));
    expect([lent, gapBefore, gapBetween, gapBehind].some(isGone)).toBe(false);
  });

  test('of messages that were handed out stays theirs', () => {
    const kept: Buffer[] = [];
    const reader = new FrameReader(LIMIT, (buffer, start, end) => kept.push(buffer.subarray(start, end)));
    const bytes = framed('a'.repeat(5000), 'b'.repeat(70_000), 'c'.repeat(5000));
    for (let at = 0; at < bytes.length; at += 16_384) {
      reader.push(Buffer.from(Uint8Array.from(bytes.subarray(at, at + 16_384)).buffer));
    }
    expect(kept.map((message) => message.toString('latin1')[0] + String(message.length))).toEqual([
      'a5000',
      'b70000',
      'c5000',
    ]);
  });
});
