import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { listCases } from '@agentwire/transport-compliance';
import { expect, test, onTestFinished } from 'vitest';

const readme = readFileSync(new URL('../../packages/transport-compliance/README.md', import.meta.url), 'utf8');

test('runs the example in the README of the kit with node:test', async () => {
  const example = /```ts\n([\s\S]*?)```/.exec(readme)?.[1] ?? '';
  // in a folder here, so that the imports are found
  const folder = await mkdtemp(join(fileURLToPath(new URL('.', import.meta.url)), 'example-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, 'readme.ts');
  await writeFile(file, example);
  const args = ['--conditions=@agentwire/source', '--test-reporter=tap', file];
  const { NODE_TEST_CONTEXT: _context, ...env } = process.env;
  const { stdout } = await promisify(execFile)(process.execPath, args, { env });
  const run = listCases().filter((one) => !one.needs.includes('malform'));
  expect(stdout).toContain(`# pass ${run.length}\n`);
  expect(stdout).toContain('# fail 0');
}, 30_000);
