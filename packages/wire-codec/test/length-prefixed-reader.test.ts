import { LengthPrefixedReader } from '@agentwire/wire-codec/internal';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

const PREFIX_BYTES = 5;
const LIMIT = 1024 * 1024;

/** The shape of a gRPC message: a flag, a length of four bytes, a body that may be empty. */
class Messages extends LengthPrefixedReader {
  readonly got: string[] = [];
  /** Answer of {@link deliver}. */
  keeps = true;
  onMessage: (text: string) => void = () => undefined;

  constructor() {
    super({ prefixBytes: PREFIX_BYTES, promptBytes: 66 * 1024 });
  }

  protected bodyLength(bytes: Buffer, at: number): number {
    const length = bytes.readUInt32BE(at + 1);
    if (length > LIMIT) throw new RangeError(`${length} is too long`);
    return length;
  }

  protected deliver(bytes: Buffer, start: number, end: number): boolean {
    const text = bytes.toString('latin1', start, end);
    this.got.push(text);
    this.onMessage(text);
    return this.keeps;
  }
}

function framed(...texts: readonly string[]): Buffer {
  const parts = texts.map((text) => {
    const message = Buffer.alloc(PREFIX_BYTES + text.length);
    message.writeUInt32BE(text.length, 1);
    message.write(text, PREFIX_BYTES, 'latin1');
    return message;
  });
  return Buffer.concat(parts);
}

const anyText = fc.oneof(
  fc.constant(''),
  fc.string({ unit: 'grapheme-ascii', maxLength: 40 }),
  fc.constant('x'.repeat(300_000)),
);

test('however the bytes are cut, the same bodies are delivered, empty ones too', () => {
  fc.assert(
    fc.property(fc.array(anyText, { maxLength: 8 }), fc.array(fc.integer({ min: 1, max: 90_000 })), (texts, sizes) => {
      const reader = new Messages();
      const bytes = framed(...texts);
      let at = 0;
      for (const size of [...sizes, bytes.length]) {
        reader.push(bytes.subarray(at, Math.min(bytes.length, at + size)));
        at = Math.min(bytes.length, at + size);
      }
      expect(reader.got.join('|') === texts.join('|')).toBe(true);
      expect([reader.got.length, reader.incompleteBytes, reader.pendingBytes]).toEqual([texts.length, 0, 0]);
    }),
  );
});

test('a body that arrives byte by byte is delivered', () => {
  const reader = new Messages();
  for (const byte of framed('', 'abc', '')) reader.push(Buffer.of(byte));
  expect(reader.got).toEqual(['', 'abc', '']);
});

test('a delivery may pause after any frame, and the rest comes in order', () => {
  const reader = new Messages();
  let budget = 2;
  reader.onMessage = () => {
    if (--budget === 0) reader.pause();
  };
  reader.push(framed('a', 'b', 'c', 'd'));
  reader.push(framed('e'));
  expect([reader.got, reader.pendingBytes]).toEqual([['a', 'b'], 3 * 6]);
  budget = 1;
  reader.resume();
  expect(reader.got).toEqual(['a', 'b', 'c']);
  budget = Number.MAX_SAFE_INTEGER;
  reader.resume();
  expect([reader.got.join(''), reader.pendingBytes]).toEqual(['abcde', 0]);
});

test('a push from inside a delivery is delivered after it, and before what comes later', () => {
  const reader = new Messages();
  reader.onMessage = (text) => {
    if (text === 'a') for (let i = 0; i < 20_000; i++) reader.push(framed('x'));
  };
  reader.push(framed('a', 'b'));
  reader.push(framed('c'));
  expect([reader.got.length, reader.got.slice(0, 3), reader.got.at(-1), reader.pendingBytes]).toEqual([
    20_003,
    ['a', 'b', 'x'],
    'c',
    0,
  ]);
});

test('a length that is refused stops the reader before memory is allocated', () => {
  const reader = new Messages();
  const before = process.memoryUsage().arrayBuffers;
  expect(() => reader.push(Buffer.of(0, 0xff, 0xff, 0xff, 0xff))).toThrow(RangeError);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * 1024);
  reader.push(framed('a'));
  expect(reader.got).toEqual([]);
});

test('memory that a cut frame has outgrown is freed at once', () => {
  const reader = new Messages();
  const text = 'x'.repeat(900_000);
  const bytes = framed(text);
  const before = process.memoryUsage().arrayBuffers;
  // the memory grows with the second and the fourth
  let at = 0;
  for (const size of [20_000, 80_000, 200_000, 200_000]) reader.push(bytes.subarray(at, (at += size)));
  const held = process.memoryUsage().arrayBuffers - before;
  expect(held).toBeLessThan(bytes.length + 64 * 1024);
  reader.push(bytes.subarray(at));
  expect(reader.got[0] === text).toBe(true);
});

describe('an end', () => {
  test('in the middle of a frame is ERR_CLOSED with the bytes that came, wherever it is', () => {
    const bytes = framed('abc');
    for (let cut = 1; cut < bytes.length; cut++) {
      const reader = new Messages();
      reader.push(bytes.subarray(0, cut));
      const what = `${cut} bytes of it came`;
      expect(reader.truncation()).toMatchObject({ code: 'ERR_CLOSED', message: expect.stringContaining(what) });
    }
  });

  test('between frames is no error', () => {
    const reader = new Messages();
    expect(reader.truncation()).toBeUndefined();
    reader.push(framed('abc', ''));
    expect(reader.truncation()).toBeUndefined();
  });
});

test('a chunk of which everything was copied is not retained; a view and a kept chunk are', () => {
  const reader = new Messages();
  const bytes = framed('a', 'b');
  reader.push(bytes.subarray(0, 4));
  expect(reader.retained).toBe(false);
  reader.push(bytes.subarray(4, 6));
  expect([reader.retained, reader.got]).toEqual([false, ['a']]);
  reader.push(bytes.subarray(6));
  expect([reader.retained, reader.got]).toEqual([true, ['a', 'b']]);
  reader.pause();
  reader.push(bytes.subarray(0, 3));
  expect(reader.retained).toBe(true);
});

test('a chunk whose bodies are not kept is not retained, unless one of them is, or its delivery threw', () => {
  const reader = new Messages();
  const push = (...texts: readonly string[]): boolean => {
    reader.push(framed(...texts));
    return reader.retained;
  };
  reader.keeps = false;
  expect(push('a', 'b')).toBe(false);
  reader.onMessage = (text) => void (reader.keeps = text === 'kept');
  expect(push('a', 'kept', 'b')).toBe(true);
  expect(push('a', 'b')).toBe(false);
  reader.onMessage = (text) => {
    if (text === 'b') reader.push(framed('c'));
  };
  expect(push('a', 'b')).toBe(true);
  reader.onMessage = () => {
    throw new RangeError('not today');
  };
  expect(() => push('a')).toThrow('not today');
  expect(reader.retained).toBe(true);
});
