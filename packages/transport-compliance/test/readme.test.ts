import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { caseTable } from '../generate/case-table.ts';
import { listCases } from '../src/index.ts';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
// the formatter pads cells
const normal = (table: string): string => table.replaceAll(/ +/g, ' ').replaceAll(/-+/g, '-');

test('lists every case with its rule; mend it with `pnpm run readme` in this package', () => {
  const table = /<!-- cases: .*-->\n\n([\s\S]*?)\n\n<!-- \/cases -->/.exec(readme)?.[1] ?? '';
  expect(normal(table)).toBe(normal(caseTable()));
});

test('gives every case an id of its own, a group, and a rule', () => {
  const ids = listCases().map((one) => one.id);
  expect(new Set(ids).size).toBe(ids.length);
  for (const { id, rule } of listCases()) {
    expect(id).toMatch(/^[a-z]+\.[\w-]+$/);
    expect(rule.length).toBeGreaterThan(15);
  }
});
