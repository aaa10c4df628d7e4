import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test, onTestFinished } from 'vitest';

test('has an example that runs', async () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const example = /```ts\n([\s\S]*?)```/.exec(readme)?.[1] ?? '';
  // in a folder of this package, so that the imports are found
  const folder = await mkdtemp(join(fileURLToPath(new URL('.', import.meta.url)), 'example-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'readme.ts'), example);
  const args = ['--conditions=@agentwire/source', join(folder, 'readme.ts')];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  expect(stdout).toBe('allow\n');
});
