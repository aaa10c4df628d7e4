import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));

test('shows the public protocol in front of a router, and a remote agent behind one', { timeout: 90_000 }, async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['--conditions=@agentwire/source', main]);
  expect(stdout).toContain('all as it should be');
});
