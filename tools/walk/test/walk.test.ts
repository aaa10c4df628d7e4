import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { excesses, LIMITS } from '../src/limits.ts';
import { sizesByPackage, sizeOf } from '../src/walk.ts';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));

test('one warm request stays within the limits', async () => {
  // a process of its own: a test runner's instrumentation would be counted too
  const command = ['--conditions=@agentwire/source', main, '--check'];
  const { stdout } = await promisify(execFile)(process.execPath, command);
  expect(stdout).toMatch(/^core +\d+ files +\d+ calls$/m);
  expect(stdout).toMatch(/^pool +\d+ files +\d+ calls$/m);
});

test('files and calls are counted by package, and a limit that is exceeded is named', () => {
  const one = { package: 'core', file: 'a.ts', name: 'f', calls: 2 };
  const walked = [one, { ...one, name: 'g' }, { ...one, package: 'pool', file: 'b.ts' }];
  expect(sizesByPackage(walked)).toEqual([
    ['core', { files: 1, calls: 4 }],
    ['pool', { files: 1, calls: 2 }],
  ]);
  expect(sizeOf(walked)).toEqual({ files: 2, calls: 6 });
  expect(excesses({ files: LIMITS.files, calls: LIMITS.calls })).toEqual([]);
  expect(excesses({ files: LIMITS.files + 1, calls: 1 })).toEqual([
    `${LIMITS.files + 1} files, the limit is ${LIMITS.files}`,
  ]);
});
