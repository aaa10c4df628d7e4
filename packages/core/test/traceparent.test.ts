import * as fc from 'fast-check';
import { readTraceparent } from '@agentwire/core/internal';
import { expect, it } from 'vitest';

const trace = '0af7651916cd43dd8448eb211c80319c';
const span = 'b7ad6b7169203331';
const DIGITS = '0123456789abcdef'.split('');

it('reads a traceparent of version 00 as it is', () => {
  for (const flags of ['00', '01', 'ff']) {
    expect(readTraceparent(`00-${trace}-${span}-${flags}`)).toBe(`00-${trace}-${span}-${flags}`);
  }
});

it('reads a later version as far as version 00 goes, with the sampled flag alone', () => {
  expect(readTraceparent(`01-${trace}-${span}-ff`)).toBe(`00-${trace}-${span}-01`);
  expect(readTraceparent(`cc-${trace}-${span}-12-what-comes`)).toBe(`00-${trace}-${span}-00`);
});

it('reads nothing else', () => {
  const wrong: unknown[] = [
    undefined,
    null,
    7,
    '',
    `ff-${trace}-${span}-01`,
    `00-${'0'.repeat(32)}-${span}-01`,
    `00-${trace}-${'0'.repeat(16)}-01`,
    `00-${trace.toUpperCase()}-${span}-01`,
    `00-${trace}-${span}-0`,
    `00-${trace}-${span}-01-more`,
    `00-${trace}-${span}-01\n`,
    ` 00-${trace}-${span}-01`,
    `01-${trace}-${span}-01more`,
    `01-${trace}-${span}-01-${'x'.repeat(600)}`,
  ];
  for (const value of wrong) expect(readTraceparent(value), String(value).slice(0, 80)).toBeUndefined();
});

it('reads what the form of the specification describes, and nothing else', () => {
  const form = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-|$)/;
  const part = (length: number) =>
    fc.oneof(
      {
        weight: 8,
        arbitrary: fc.string({ minLength: length, maxLength: length, unit: fc.constantFrom(...DIGITS) }),
      },
      fc.string({ minLength: length, maxLength: length, unit: fc.constantFrom('0') }),
      fc.string({
        minLength: length,
        maxLength: length,
        unit: fc.constantFrom('f', 'g', 'G', '`', '/', ':', '0', 'é'),
      }),
      fc.string({ maxLength: length + 1 }),
    );
  const text = fc
    .tuple(
      part(2),
      part(32),
      part(16),
      part(2),
      fc.constantFrom('-', '-', '-', '_'),
      fc.constantFrom('', '', '-x', 'x'),
    )
    .map(([version, traceId, spanId, flags, dash, rest]) => `${[version, traceId, spanId, flags].join(dash)}${rest}`);
  fc.assert(
    fc.property(text, (value) => {
      const isOne = form.test(value) && (value.length === 55 || !value.startsWith('00'));
      expect(readTraceparent(value) !== undefined, value).toBe(isOne);
    }),
    { numRuns: 2_000 },
  );
});
