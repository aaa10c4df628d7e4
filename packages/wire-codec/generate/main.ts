import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { GENERATED_FORMS } from './forms.ts';
import { pathOf, sourceOf } from './source.ts';

for (const form of GENERATED_FORMS) {
  writeFileSync(fileURLToPath(new URL(`../${pathOf(form)}`, import.meta.url)), sourceOf(form));
}
