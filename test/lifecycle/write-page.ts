import { readFileSync, writeFileSync } from 'node:fs';
import { CASES } from './cases.ts';
import { PAGE, pageWith } from './page.ts';

const path = new URL(`../../${PAGE}`, import.meta.url);
writeFileSync(path, pageWith(readFileSync(path, 'utf8'), CASES));
