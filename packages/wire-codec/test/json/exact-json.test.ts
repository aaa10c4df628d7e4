import { describe, expect, test } from 'vitest';

import { parseJson } from '../../src/internal.ts';

const LIMITS = { maxDepth: 32, maxNodes: 1000, idPaths: [] };
function read(text: string): { readonly value: unknown; readonly error: string | undefined } {
  const bytes = Buffer.from(text);
  const { value, error } = parseJson(bytes, 0, bytes.length, LIMITS);
  return { value, error: error?.message };
}

describe('a number in JSON', () => {
  test.each([
    ['9007199254740991', 2 ** 53 - 1],
    ['9007199254740992', 2 ** 53],
    ['9007199254740993', 2n ** 53n + 1n],
    ['-9007199254740993', -(2n ** 53n) - 1n],
    ['18446744073709551615', 2n ** 64n - 1n],
    ['-9223372036854775808', -(2n ** 63n)],
    ['100000000000000000000', 1e20],
    ['1e400', Infinity],
    ['9007199254740993.0', 2 ** 53],
    ['0.8999999761581421', 0.8999999761581421],
    ['123456789012345680000', 123456789012345680000],
  ])('%s is kept exactly, or is what JavaScript writes so', (text, value) => {
    expect(read(text)).toEqual({ value, error: undefined });
    expect(read(`{"a":[${text}]}`).value).toEqual({ a: [value] });
  });

  test.each(['18446744073709551616', '-9223372036854775809', '123456789012345678901', '1'.repeat(100_000)])(
    'of more than 64 bits is refused where it would be rounded: %.30s',
    (text) => {
      expect(read(`[${text}]`).error).toContain('more than 64 bits');
    },
  );
});
