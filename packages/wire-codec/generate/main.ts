import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { GENERATED_FORMATS } from './formats.ts';
import { pathOf, sourceOf } from './source.ts';

for (const format of GENERATED_FORMATS) {
  writeFileSync(fileURLToPath(new URL(`../${pathOf(format)}`, import.meta.url)), sourceOf(format));
}
