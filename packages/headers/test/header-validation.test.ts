import { validateHeaderName, validateHeaderValue } from 'node:http';

import { AgentwireError } from '@agentwire/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { checkHeaderName, checkHeaderValue, isValidHeaderName, isValidHeaderValue } from '../src/index.ts';
import { thrownBy } from './thrown-by.ts';

const accepts = (check: () => void): boolean => {
  try {
    check();
    return true;
  } catch {
    return false;
  }
};
const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme-ascii' }),
  fc.string({ unit: fc.nat({ max: 0x1ff }).map((code) => String.fromCharCode(code)) }),
);

describe('validation', () => {
  test('accepts exactly the characters that Node accepts', () => {
    for (let code = 0; code <= 0xffff; code++) {
      const text = String.fromCharCode(code);
      if (isValidHeaderName(text) !== accepts(() => validateHeaderName(text))) expect.fail(`name, code ${code}`);
      if (isValidHeaderValue(text) !== accepts(() => validateHeaderValue('a', text)))
        expect.fail(`value, code ${code}`);
    }
  });

  test('accepts exactly the texts that Node accepts', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(isValidHeaderName(text)).toBe(accepts(() => validateHeaderName(text)));
        expect(isValidHeaderValue(text)).toBe(accepts(() => validateHeaderValue('a', text)));
      }),
      { numRuns: 2_000 },
    );
  });

  test('accepts an empty value, but no empty name and nothing that is not text', () => {
    expect(isValidHeaderValue('')).toBe(true);
    expect(isValidHeaderName('')).toBe(false);
    for (const other of [undefined, null, 1, ['a'], {}]) {
      expect(isValidHeaderName(other)).toBe(false);
      expect(isValidHeaderValue(other)).toBe(false);
    }
  });

  test('throws where the predicates are false', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(accepts(() => checkHeaderName(text))).toBe(isValidHeaderName(text));
        expect(accepts(() => checkHeaderValue('a', text))).toBe(isValidHeaderValue(text));
      }),
    );
  });

  test('never shows the value', () => {
    const error = thrownBy(() => checkHeaderValue('Authorization', 'Bearer s3cret\r\nX: y'));
    expect(error).toBeInstanceOf(AgentwireError);
    expect(error.code).toBe('ERR_INVALID_HEADER');
    expect(error.message).toContain('"Authorization"');
    expect(error.message).toContain('index 13');
    expect(JSON.stringify([error.message, error.detail, error.cause])).not.toContain('s3cret');
    expect(thrownBy(() => checkHeaderValue('a', null)).message).toContain('a null');
  });

  test('shows a bad name printable and short', () => {
    const { message } = thrownBy(() => checkHeaderName(`\u001b[31mred\r\n\u009b${'x'.repeat(1_000)}`));
    expect(message).toMatch(/^[\x20-\x7e]+…$/);
    expect(message.length).toBeLessThan(160);
    expect(thrownBy(() => checkHeaderName(7)).message).toContain('a number');
  });
});
