import { addExtension, Packr } from 'msgpackr';
import { describe, expect, test } from 'vitest';

import { parseMsgpack } from '../../src/msgpack/parse-msgpack.ts';
import { msgpackSize, putMsgpack } from '../../src/msgpack/put-msgpack.ts';
import { WireFloat } from '../../src/messages/wire-object.ts';

// evidence for the section "Why not msgpackr" of ARCHITECTURE.md. A test that fails after an update says that a reason is gone.

/** The strictest settings there are. */
const packr = new Packr({
  useRecords: false,
  moreTypes: false,
  structuredClone: false,
  mapsAsObjects: true,
  variableMapSize: true,
  useToJSON: true,
  encodeUndefinedAsNil: true,
  int64AsType: 'auto' as 'bigint',
});
const LIMITS = { maxDepth: 32, maxNodes: 10_000, idPaths: [['request_id']] };
const bytesOf = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex');
const theirs = (hex: string): unknown => packr.unpack(bytesOf(hex));
const ours = (hex: string): ReturnType<typeof parseMsgpack> => {
  const bytes = bytesOf(hex);
  return parseMsgpack(bytes, 0, bytes.length, LIMITS);
};
const written = (value: unknown): string => {
  const bytes = Buffer.alloc(msgpackSize(value));
  putMsgpack(bytes, 0, value);
  return bytes.toString('hex');
};
const packed = (value: unknown): string => packr.pack(value).toString('hex');

describe('msgpackr reads what the protocol refuses', () => {
  test('a name that comes twice: the last value counts', () => {
    const twice = '82 a161 01 a161 02';
    expect(theirs(twice)).toEqual({ a: 2 });
    expect(ours(twice).error?.message).toBe('an object has one name twice');
  });

  test.each([
    ['a timestamp', 'd6ff 00000001', Date],
    ['a regular expression of the sender', 'd47800 92 a628612b292b24 a167', RegExp],
    ['a set', 'd47300 92 01 02', Set],
    ['an error', 'd46500 93 a9547970654572726f72 a178 c0', Error],
    ['a typed array', 'c71174 08 00000000000000000000000000000000', Float64Array],
  ])('%s as extension, with moreTypes off too', (_what, hex, type) => {
    expect(theirs(hex)).toBeInstanceOf(type);
    expect(ours(hex).error?.message).toBe('extension types are not part of the protocol');
  });

  test('record definitions, with useRecords off too', () => {
    const records = '92 d47240 92 a161 a162 01 02 40 03 04';
    expect(theirs(records)).toEqual([
      { a: 1, b: 2 },
      { a: 3, b: 4 },
    ]);
    expect(ours(records).error).toBeDefined();
  });

  test('extensions can only be refused for the whole process: addExtension is no option of one reader', () => {
    const other = new Packr({ useRecords: false });
    addExtension({
      type: 0x55,
      unpack: () => 'of all readers',
    });
    expect([theirs('d45501'), other.unpack(bytesOf('d45501'))]).toEqual(['of all readers', 'of all readers']);
  });

  test('the unused tag 0xc1 as an object', () => {
    expect(theirs('c1')).toMatchObject({ name: 'MessagePack 0xC1' });
    expect(ours('c1').error).toBeDefined();
  });

  test('text that is not UTF-8 with replacement characters', () => {
    expect(theirs('a3 61ff62')).toBe('a\ufffdb');
    expect(ours('a3 61ff62').error?.message).toBe('a text is not UTF-8');
  });

  test('names that are no text, which then look like text', () => {
    expect([theirs('81 05 01'), theirs('81 c0 01')]).toEqual([{ '5': 1 }, { null: 1 }]);
    expect([ours('81 05 01').error, ours('81 c0 01').error].map((error) => error?.message)).toEqual([
      'a key is no text',
      'a key is no text',
    ]);
  });

  test('nesting until the stack ends, with an error that names no limit', () => {
    const deep = (levels: number): string => `${'91'.repeat(levels)}01`;
    expect(theirs(deep(500))).toBeInstanceOf(Array);
    expect(() => theirs(deep(100_000))).toThrow(RangeError);
    expect(ours(deep(500)).error?.message).toBe('more than 32 levels are nested');
  });
});

test('msgpackr renames __proto__, and so loses the name __proto_ beside it', () => {
  const both = '82 a95f5f70726f746f5f5f 01 a85f5f70726f746f5f 02';
  expect(theirs(both)).toEqual({ __proto_: 2 });
  expect(Object.entries(ours(both).value as object)).toEqual([
    ['__proto__', 1],
    ['__proto_', 2],
  ]);
});

test('msgpackr gives no id of a payload that it refuses, and so no request that could fail', () => {
  const cut = '82 aa726571756573745f6964 05 a161 d405';
  expect(() => theirs(cut)).toThrow();
  expect(ours(cut)).toMatchObject({ id: 5, value: undefined });
});

describe('msgpackr writes what readers of the protocol refuse', () => {
  test('whole numbers from 2^32 on as floats, which readers of an unsigned 64-bit field refuse', () => {
    expect([packed(2 ** 32), packed(1_768_471_872_123)]).toEqual(['cb41f0000000000000', 'cb4279bc123427b000']);
    expect([written(2 ** 32), written(1_768_471_872_123)]).toEqual(['cf0000000100000000', 'cf0000019bc123427b']);
  });

  test('whole numbers of float fields as integers, and floats in one width for all fields', () => {
    expect([packed(2), packed(0.9)]).toEqual(['02', 'cb3feccccccccccccd']);
    expect([written(new WireFloat(2, 64)), written(new WireFloat(0.9, 32))]).toEqual([
      'cb4000000000000000',
      'ca3f666666',
    ]);
  });

  test('half surrogate pairs as bytes that are not UTF-8', () => {
    expect([packed('\ud800'), written('\ud800')]).toEqual(['a3eda080', 'a3efbfbd']);
  });

  test('an absent property as nil', () => {
    expect([packed({ a: undefined }), written({ a: undefined })]).toEqual(['81a161c0', '80']);
  });
});

test('msgpackr is no risk to memory: a length past the end of the payload is refused before it is allocated', () => {
  for (const claim of ['dd 7fffffff', 'df 7fffffff', 'c6 7fffffff', 'db 7fffffff']) {
    const before = process.memoryUsage();
    expect(() => theirs(claim)).toThrow();
    expect(ours(claim).error).toBeDefined();
    const { heapUsed, external } = process.memoryUsage();
    expect(heapUsed + external - before.heapUsed - before.external).toBeLessThan(8e6);
  }
});
