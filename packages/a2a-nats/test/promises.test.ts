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
  'What the gate is for',
  'The audit chain, byte by byte',
  'Running it on NATS',
  'Permissions',
  'Discovery',
  'The connection',
  'Services that are full',
  'Traces and metrics',
  'Known limits',
]);
const beginning = (text: string): string => text.split(' ').slice(0, 5).join(' ');
/** Sentences of a paragraph, without one that only introduces what follows. */
const sentences = (paragraph: string): string[] =>
  paragraph.split(/(?<=\.) (?=[A-Z`*])/).filter((sentence) => sentence !== '' && !sentence.endsWith(':'));

/**
 * Rows of tables, items of lists, and sentences of paragraphs and of numbered lists in the sections of docs/a2a.md that promise something,
 * each as `section: beginning`.
 */
function promises(): string[] {
  const found: string[] = [];
  for (const part of read('docs/a2a.md')
    .replaceAll(/```[\s\S]*?```/g, '')
    .split(/^## /m)) {
    const [section = '', ...lines] = part.split('\n');
    if (!sections.has(section)) continue;
    let paragraph = '';
    let isList = false;
    const add = (promise: string): number => found.push(`${section}: ${promise}`);
    for (const [at, line] of [...lines, ''].entries()) {
      if (/^ *- /.test(line)) isList = true;
      else if (/^[^ ]/.test(line)) isList = false;
      const isText = !isList && /^[^|-]|^ +[^ ]/.test(line);
      if (!isText || /^\d+\. /.test(line)) {
        for (const sentence of sentences(paragraph)) add(beginning(sentence));
        paragraph = '';
      }
      const isHeader = lines[at + 1]?.startsWith('| -') === true;
      if (isText) paragraph = `${paragraph} ${line.trim().replace(/^\d+\. /, '')}`.trim();
      else if (line.startsWith('- ')) add(beginning(line.slice(2)));
      else if (line.startsWith('| ') && !line.startsWith('| -') && !isHeader) add(cells(line)[0] ?? '');
    }
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

test('what has no test in docs/a2a-tests.md says why', () => {
  const without = rows.filter(([, , tests = '']) => !tests.startsWith('`'));
  for (const [, , reason] of without) expect(reason).toMatch(/^no promise: /);
  expect(without.length).toBeLessThan(rows.length / 8);
});

test('the tests that docs/a2a-tests.md names exist', () => {
  const promised = rows.filter(([, , tests = '']) => tests.startsWith('`'));
  const missing = promised.flatMap(([, promise, tests = '']) =>
    tests.split('<br>').filter((one) => {
      const [, path = '', title = ''] = /^`([^`]+)`: (.+)$/.exec(one) ?? [];
      return title === '' || !read(path).replaceAll('`', '').includes(title) ? `${promise}: ${one}` : false;
    }),
  );
  expect(missing).toEqual([]);
});
