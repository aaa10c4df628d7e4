import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

test('runs as a program: the good upload arrives, the bad one is blocked, the heaps stay small', async () => {
  const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
  const env = { ...process.env, MEGABYTES: '8' };
  const { stdout } = await promisify(execFile)(process.execPath, ['--conditions=@agentwire/source', main], { env });
  expect(stdout).toContain('good upload: 200 stored (8 MB');
  expect(stdout).toContain('bad upload:  403 This file is known to be bad.');
  expect(stdout.match(/^ok /gm)).toHaveLength(5);
}, 60_000);
