import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { caseTable } from '../generate/case-table.ts';
import { listCases } from '../src/index.ts';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
// the formatter pads cells
const normal = (table: string): string => table.replaceAll(/ +/g, ' ').replaceAll(/-+/g, '-');

it('lists every case with its rule; mend it with `pnpm run readme` in this package', () => {
  const table = /<!-- cases: .*-->\n\n([\s\S]*?)\n\n<!-- \/cases -->/.exec(readme)?.[1] ?? '';
  expect(normal(table)).toBe(normal(caseTable()));
});

it('gives every case an id of its own, a group, and a rule', () => {
  const ids = listCases().map((one) => one.id);
  expect(new Set(ids).size).toBe(ids.length);
  for (const { id, rule } of listCases()) {
    expect(id).toMatch(/^[a-z]+\.[\w-]+$/);
    expect(rule.length).toBeGreaterThan(15);
  }
});

it('has an example that runs with node:test, and passes', async () => {
  const example = /```ts\n([\s\S]*?)```/.exec(readme)?.[1] ?? '';
  // in a folder of this package, so that the imports are found
  const folder = await mkdtemp(join(fileURLToPath(new URL('.', import.meta.url)), 'example-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, 'readme.ts');
  writeFileSync(file, example);
  const args = ['--conditions=@agentwire/source', '--test-reporter=tap', file];
  const { NODE_TEST_CONTEXT: _context, ...env } = process.env;
  const { stdout } = await promisify(execFile)(process.execPath, args, { env });
  expect(stdout).toContain(`# pass ${listCases().length}`);
  expect(stdout).toContain('# fail 0');
}, 30_000);
