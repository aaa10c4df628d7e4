import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

/** Most names that an entry point may export. */
const MOST_NAMES: readonly (readonly [entry: string, names: number])[] = [
  ['agentwire', 55],
  ['a2a-router', 45],
  ['core', 90],
  ['core.session', 25],
  ['wire-codec', 35],
];

test.each(MOST_NAMES)('the report of %s has at most %i names', (entry, most) => {
  const report = readFileSync(new URL(`../../docs/api/${entry}.api.md`, import.meta.url), 'utf8');
  const names = report.split('\n').filter((line) => line.startsWith('export '));
  expect(names.length).toBeGreaterThan(10);
  expect(names.length).toBeLessThanOrEqual(most);
});
