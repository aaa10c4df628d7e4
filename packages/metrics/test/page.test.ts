import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { KNOWN_METRICS } from '../src/index.ts';

const page = readFileSync(new URL('../../../docs/metrics.md', import.meta.url), 'utf8');

/** Cells of the page's rows whose first cell is code. */
const rows = [...page.matchAll(/^\| `([a-z0-9_]+)` +\|(.*)\|$/gm)].map(([, name = '', rest = '']) => ({
  name,
  cells: rest.split('|').map((cell) => cell.trim()),
}));

test('docs/metrics.md lists every metric with its type, its labels and its help, and no other', () => {
  const listed = rows.filter(({ cells }) => cells.length === 3).map(({ name, cells }) => [name, ...cells]);
  const known = Object.entries(KNOWN_METRICS).map(([name, { type, labels = [], help }]) => [
    name,
    type,
    labels.map((label) => `\`${label}\``).join(', '),
    help.replace(/\.$/, ''),
  ]);
  expect(listed).toEqual(known);
});

test('no label means something else to Prometheus', () => {
  // `promtool check metrics` refuses them outside of summaries and histograms
  const reserved = ['quantile', 'le', 'job', 'instance'];
  const used = Object.entries(KNOWN_METRICS).flatMap(([name, { labels = [] }]) =>
    labels.map((label) => `${name} ${label}`),
  );
  expect(used.filter((one) => reserved.some((label) => one.endsWith(` ${label}`)))).toEqual([]);
});

test('docs/metrics.md has the values and the bound of every label', () => {
  const described = rows.filter(({ cells }) => cells.length === 2);
  const used = new Set(Object.values(KNOWN_METRICS).flatMap(({ labels = [] }) => labels));
  expect(new Set(described.map(({ name }) => name))).toEqual(used);
  for (const { cells } of described) expect(cells).not.toContain('');
});
