import { readFileSync } from 'node:fs';

import { expect, test } from 'vitest';

import { GENERATED_FORMATS } from '../generate/formats.ts';
import { pathOf, sourceOf } from '../generate/source.ts';

test.each(GENERATED_FORMATS)(
  '$dialect $encoding is what the table says; run `pnpm generate` after changing it',
  (format) => {
    const checkedIn = readFileSync(new URL(`../${pathOf(format)}`, import.meta.url), 'utf8');
    expect(checkedIn).toBe(sourceOf(format));
  },
);
