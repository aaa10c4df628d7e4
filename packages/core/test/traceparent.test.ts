import { readTraceparent } from '@agentwire/core/internal';
import { expect, it } from 'vitest';

const trace = '0af7651916cd43dd8448eb211c80319c';
const span = 'b7ad6b7169203331';

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
