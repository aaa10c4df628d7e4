import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openLanes, type Lane } from './lanes.ts';
import { measure, type Measured } from './measure.ts';
import { COMMAND, PAGE, pageWith, tableOf, undeclared } from './page.ts';

describe('every field of every event and decision', () => {
  let lanes: readonly Lane[] = [];
  let names: readonly string[] = [];
  let measured: Measured = new Map();

  beforeAll(async () => {
    lanes = await openLanes();
    names = lanes.map(({ name }) => name);
    measured = await measure(lanes);
  });
  afterAll(async () => {
    for (const lane of lanes) await lane.close();
  });

  test('arrives as it was, or it is declared why it does not', () => {
    expect(undeclared(measured, names)).toEqual([]);
  });

  test(`stands in ${PAGE} as it was measured`, () => {
    const page = readFileSync(new URL(`../../${PAGE}`, import.meta.url), 'utf8');
    expect(page, `measured otherwise; \`${COMMAND}\` writes the table anew`).toBe(
      pageWith(page, tableOf(measured, names)),
    );
  });
});
