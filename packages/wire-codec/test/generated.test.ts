import { readFileSync } from 'node:fs';

import { expect, it } from 'vitest';

import { GENERATED_FORMS } from '../generate/forms.ts';
import { pathOf, sourceOf } from '../generate/source.ts';

it.each(GENERATED_FORMS)('$dialect $encoding is what the table says; run `pnpm generate` after changing it', (form) => {
  const checkedIn = readFileSync(new URL(`../${pathOf(form)}`, import.meta.url), 'utf8');
  expect(checkedIn).toBe(sourceOf(form));
});
