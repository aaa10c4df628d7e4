import { readFileSync, writeFileSync } from 'node:fs';
import { openLanes } from './lanes.ts';
import { measure } from './measure.ts';
import { PAGE, pageWith, tableOf, undeclared } from './page.ts';

const lanes = await openLanes();
const names = lanes.map(({ name }) => name);
const measured = await measure(lanes);
for (const lane of lanes) await lane.close();

const path = new URL(`../../${PAGE}`, import.meta.url);
writeFileSync(path, pageWith(readFileSync(path, 'utf8'), tableOf(measured, names)));
for (const one of undeclared(measured, names)) process.stderr.write(`${one}\n`);
