import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MessageReader } from '../src/connection/message-reader.ts';
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

function setUp(limit: number = LIMIT): { reader: MessageReader; got: string[] } {
  const got: string[] = [];
  const reader = new MessageReader(limit, {
    onFrame: (buffer, start, end) => got.push(buffer.toString('latin1', start, end)),
    onTurn: () => undefined,
    now: () => 0,
  });
  return { reader, got };
}

test('the cuts between reads do not change the messages', () => {
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
        reader.read(Buffer.from(Uint8Array.from(bytes.subarray(at, at + size)).buffer));
        at += size;
      }
      if (at < bytes.length) reader.read(bytes.subarray(at));
      reader.finish();
      expect(got.join('|') === messages.join('|')).toBe(true);
      expect([got.length, reader.incompleteBytes, reader.pendingBytes]).toEqual([messages.length, 0, 0]);
    }),
  );
});

test('a message that comes byte by byte arrives', () => {
  const { reader, got } = setUp();
  const bytes = framed('', 'abc', '');
  for (let i = 0; i < bytes.length; i++) reader.read(bytes.subarray(i, i + 1));
  expect(got).toEqual(['', 'abc', '']);
});

test('16 messages are delivered in a turn, the rest in the next ones', () => {
  const { reader, got } = setUp();
  reader.read(framed(...Array.from({ length: 20 }, () => 'a')));
  reader.read(framed('b'));
  expect([got.length, reader.pendingBytes]).toEqual([16, 5 * 6]);
  reader.turn();
  expect([got.length, got.at(-1), reader.pendingBytes]).toEqual([21, 'b', 0]);
});

test('past 256 KiB of pending messages the reader is full, and is not after the turn that delivers them', () => {
  const { reader, got } = setUp();
  reader.read(framed(...Array.from({ length: 20 }, () => 'a')));
  reader.read(framed('b'.repeat(200_000)));
  expect(reader.full).toBe(false);
  reader.read(framed('c'.repeat(100_000)));
  expect([got.length, reader.full]).toEqual([16, true]);
  reader.turn();
  expect([got.length, reader.pendingBytes, reader.full]).toEqual([22, 0, false]);
});

test('a held reader keeps what is read, a stopped one drops it', () => {
  const { reader, got } = setUp();
  reader.hold();
  reader.read(framed('a'));
  reader.turn();
  reader.finish();
  expect([got.length, reader.pendingBytes]).toEqual([0, 6]);
  reader.release();
  expect(got).toEqual(['a']);
  reader.hold();
  reader.read(framed('b'));
  reader.stop();
  expect(reader.pendingBytes).toBe(0);
});

test('a length past the limit and compression are refused before memory is allocated', () => {
  expect(() => setUp(3).reader.read(framed('four'))).toThrow(/4 bytes is larger than the limit of 3/);
  const compressed = framed('abc');
  compressed[0] = 1;
  expect(() => setUp().reader.read(compressed)).toThrow(/compression flag 1/);
});

describe('memory of reads', () => {
  const read = (length: number): Buffer => Buffer.from(new ArrayBuffer(length));
  const isGone = (buffer: Buffer): boolean => (buffer.buffer as ArrayBuffer).detached;

  test('is freed when the next read begins, if all of it was copied', () => {
    const memory = new ReadMemory();
    const all = read(20_018);
    memory.onRead(all.subarray(9, 10_009));
    memory.onRead(all.subarray(10_018));
    expect(isGone(all)).toBe(false);
    memory.onRead(read(5000));
    expect(isGone(all)).toBe(true);
  });

  test('stays when a part was retained or may be of another stream', () => {
    const memory = new ReadMemory();
    const retained = read(10_000);
    memory.onRead(retained);
    memory.retain();
    const gapBefore = read(10_000);
    memory.onRead(gapBefore.subarray(10));
    const gapBetween = read(10_000);
    memory.onRead(gapBetween.subarray(0, 4000));
    memory.onRead(gapBetween.subarray(4010));
    const gapBehind = read(10_000);
    memory.onRead(gapBehind.subarray(0, 9990));
    memory.onRead(read(5000));
    expect([retained, gapBefore, gapBetween, gapBehind].some(isGone)).toBe(false);
  });

  test('of delivered messages stays theirs', () => {
    const kept: Buffer[] = [];
    const reader = new MessageReader(LIMIT, {
      onFrame: (buffer, start, end) => kept.push(buffer.subarray(start, end)),
      onTurn: () => undefined,
      now: () => 0,
    });
    const bytes = framed('a'.repeat(5000), 'b'.repeat(70_000), 'c'.repeat(5000));
    for (let at = 0; at < bytes.length; at += 16_384) {
      reader.read(Buffer.from(Uint8Array.from(bytes.subarray(at, at + 16_384)).buffer));
    }
    expect(kept.map((message) => message.toString('latin1')[0] + String(message.length))).toEqual([
      'a5000',
      'b70000',
      'c5000',
    ]);
  });
});
