import { createRequire } from 'node:module';

import fc from 'fast-check';
import { Packr } from 'msgpackr';
import { describe, expect, test } from 'vitest';

import { parseMsgpack } from '../../src/msgpack/parse-msgpack.ts';
import { msgpackSize, putMsgpack } from '../../src/msgpack/put-msgpack.ts';
import { runs } from '../messages/arbitraries.ts';
import { WireFloat } from '../../src/messages/wire-object.ts';

interface Exam {
  readonly msgpack: readonly string[];
  readonly [type: string]: unknown;
}

const LIMITS = { maxDepth: 32, maxNodes: 10_000, idPaths: [['request_id']] };
const parse = (bytes: Buffer): ReturnType<typeof parseMsgpack> => parseMsgpack(bytes, 0, bytes.length, LIMITS);
const bytesOf = (hex: string): Buffer => Buffer.from(hex.replaceAll('-', ''), 'hex');
const pack = (value: unknown): Buffer => {
  const bytes = Buffer.alloc(msgpackSize(value), 0xc1);
  expect(putMsgpack(bytes, 0, value)).toBe(bytes.length);
  return bytes;
};

const require = createRequire(import.meta.url);
const groups = require('msgpack-test-suite') as Record<string, readonly Exam[]>;

describe.each(Object.entries(groups))('test suite %s', (group, exams) => {
  const refused = group.includes('timestamp') || group.includes('ext');
  test.each(exams.map((exam) => [JSON.stringify(Object.values(exam)[0])?.slice(0, 40), exam] as const))(
    '%s',
    (_name, exam) => {
      for (const hex of exam.msgpack) {
        const { value, error } = parse(bytesOf(hex));
        if (refused || hasRefusedKey(exam)) {
          expect(error).toBeInstanceOf(Error);
          continue;
        }
        expect(error).toBeUndefined();
        expect(value).toEqual(expectedOf(exam));
      }
      const [shortest] = exam.msgpack;
      if (refused || hasRefusedKey(exam) || shortest === undefined) return;
      // written in the shortest format, which the suite lists among others.
      expect(exam.msgpack.map((hex) => hex.replaceAll('-', ''))).toContain(pack(expectedOf(exam)).toString('hex'));
    },
  );
});

/** Tells keys that are no text, which the protocol refuses. */
const hasRefusedKey = (exam: Exam): boolean =>
  exam['map'] !== undefined && exam.msgpack.some((hex) => hex.startsWith('81-01'));

function expectedOf(exam: Exam): unknown {
  if (exam['binary'] !== undefined) return bytesOf(exam['binary'] as string);
  const found = Object.entries(exam).find(([type]) => type !== 'msgpack' && type !== 'bignum')?.[1];
  if (exam['bignum'] === undefined) return found;
  const big = BigInt(exam['bignum'] as string);
  return big > Number.MAX_SAFE_INTEGER || big < Number.MIN_SAFE_INTEGER ? big : Number(big);
}

describe('against msgpackr', () => {
  const packr = new Packr({ useRecords: false, variableMapSize: true, int64AsType: 'auto' as 'bigint' });
  // msgpackr gives minus zero as zero.
  const json = fc.jsonValue({ maxDepth: 5 }).map((one) => JSON.parse(JSON.stringify(one)) as unknown);

  test('reads what it writes and the reverse', () => {
    fc.assert(
      fc.property(json, (value) => {
        fc.pre(!JSON.stringify(value).includes('__proto__'));
        expect(packr.unpack(pack(value))).toEqual(value);
        expect(parse(packr.pack(value)).value).toEqual(value);
      }),
      runs(0.1),
    );
  });

  test('never throws anything but an error at random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const { value, error } = parse(Buffer.from(bytes));
        expect(error === undefined || value === undefined).toBe(true);
      }),
      runs(0.2),
    );
  });
});

test('writes whole numbers as integers, whatever their size, and floats where they are asked for', () => {
  expect(pack(1_768_471_872_123).toString('hex')).toBe(
    'cf0000019bc1145a7b'.replace('0000019bc1145a7b', 1_768_471_872_123n.toString(16).padStart(16, '0')),
  );
  expect(pack(new WireFloat(2, 64)).toString('hex')).toBe('cb4000000000000000');
  expect(pack(new WireFloat(0.9, 32)).toString('hex')).toBe('ca3f666666');
  expect(pack(2n ** 64n - 1n).toString('hex')).toBe('cfffffffffffffffff');
});

test('writes no extension types: dates are text, what JSON leaves out is left out', () => {
  const value = { a: undefined, b: new Date(0), c: [undefined, Number.NaN], d: () => 1 };
  expect(parse(pack(value)).value).toEqual({ b: '1970-01-01T00:00:00.000Z', c: [null, null] });
});

test.each([
  ['an id behind a text that is not UTF-8', '82a161a1ffaa726571756573745f696405', 5],
  ['an id behind an extension', '82a161d401ffaa726571756573745f696405', 5],
  ['no id behind a cut', '82a161a5', undefined],
])('finds %s', (_what, hex, id) => {
  const parsed = parse(Buffer.from(hex, 'hex'));
  expect(parsed.id).toBe(id);
  expect(parsed.error).toBeInstanceOf(Error);
});

test('keeps __proto__ as a key of its own', () => {
  const { value } = parse(pack(JSON.parse('{"__proto__":{"x":1}}')));
  expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  expect(Object.keys(value as object)).toEqual(['__proto__']);
});
