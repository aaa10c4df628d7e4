import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';

const root = join(import.meta.dirname, '..');

test('the client of the README has its answer from the bridge of the README', async () => {
  const page = readFileSync(join(root, 'README.md'), 'utf8');
  const [bridge = '', client = ''] = [...page.matchAll(/```ts\n(.*?)```/gs)].map(([, code]) => code);
  const url = "process.argv[2] ?? 'http://127.0.0.1:8080/'";
  expect(client).toContain(url);
  // inside the package, so that it finds what the package depends on
  const folder = mkdtempSync(join(root, 'test', '.readme-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'example.ts');
  const [start = '', end = ''] = bridge.split(/^const card .*\n.*\n/m);
  writeFileSync(file, `${start}\n${client.replace(url, 'url')}\n${end}`);
  const { stdout } = await promisify(execFile)(process.execPath, ['--conditions=@agentwire/source', file], {
    timeout: 30_000,
  });
  expect(stdout).toBe('Rain? Yes.\n');
});
