import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const root = new URL('../../../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');
const cells = (line: string): string[] =>
  line
    .split(/(?<!\\)\|/)
    .slice(1, -1)
    .map((cell) => cell.trim());
const sections = new Set([
  'Guarantees',
  'The audit chain, byte by byte',
  'Running it on NATS',
  'Permissions',
  'Discovery',
  'The connection',
  'Traces and metrics',
]);

/** Rows of tables and items of lists in the sections of docs/a2a.md that promise something, each as `section: beginning`. */
function promises(): string[] {
  const found: string[] = [];
  let section = '';
  const lines = read('docs/a2a.md')
    .replaceAll(/```[\s\S]*?```/g, '')
    .split('\n');
  for (const [at, line] of lines.entries()) {
    if (line.startsWith('## ')) section = line.slice(3);
    const isHeader = lines[at + 1]?.startsWith('| -') === true;
    if (!sections.has(section) || isHeader || line.startsWith('| -')) continue;
    if (line.startsWith('| ')) found.push(`${section}: ${cells(line)[0]}`);
    else if (line.startsWith('- ')) found.push(`${section}: ${line.slice(2).split(' ').slice(0, 5).join(' ')}`);
  }
  return found;
}

const rows = read('docs/a2a-tests.md')
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| -'))
  .slice(1)
  .map(cells);

test('each promise of docs/a2a.md has its tests in docs/a2a-tests.md, and nothing else stands there', () => {
  const listed = rows.map(([section, promise = '']) => `${section}: ${promise.replaceAll('\\|', '|')}`);
  expect(listed).toEqual(promises());
});

test('the tests that docs/a2a-tests.md names exist', () => {
  const missing = rows.flatMap(([, promise, tests = '']) =>
    tests.split('<br>').filter((one) => {
      const [, path = '', title = ''] = /^`([^`]+)`: (.+)$/.exec(one) ?? [];
      return title === '' || !read(path).replaceAll('`', '').includes(title) ? `${promise}: ${one}` : false;
    }),
  );
  expect(missing).toEqual([]);
});
