import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

test('runs as a program: an agent in a thread allows and blocks', async () => {
  const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, ['--conditions=@agentwire/source', main]);
  expect(stdout).toBe('/: allow\n/admin: block\n');
});
