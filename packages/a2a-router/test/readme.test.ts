import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');

it('the example of the README runs and prints what it says', { timeout: 30_000 }, () => {
  const code = /```ts\n(.*?)```/s.exec(readFileSync(join(root, 'README.md'), 'utf8'))?.[1] ?? '';
  expect(code.split('\n').filter((line) => line.trim() !== '').length).toBeLessThanOrEqual(10);
  // Inside the package, so that it finds the package by its name.
  const folder = mkdtempSync(join(root, 'test', '.readme-'));
  try {
    const file = join(folder, 'example.ts');
    writeFileSync(file, code);
    const { stdout, stderr } = spawnSync(process.execPath, ['--conditions=@agentwire/source', file], {
      encoding: 'utf8',
    });
    expect(stdout, stderr).toBe("{ kind: 'text', text: '4' }\n");
  } finally {
    rmSync(folder, { recursive: true });
  }
});
