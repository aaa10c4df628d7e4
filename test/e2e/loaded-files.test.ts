import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';

/** The packages as they are built: `npm test` builds before it tests. */
const built = (path: string): string => fileURLToPath(new URL(`../../packages/${path}`, import.meta.url));

/** Files that a program loads, by import and by require; modules of Node are none. */
function loadedBy(...args: string[]): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'aw-loaded-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const watcher = join(folder, 'watcher.mjs');
  const list = join(folder, 'list.json');
  writeFileSync(
    watcher,
    `import { registerHooks } from 'node:module';
import { writeFileSync } from 'node:fs';
const urls = new Set();
registerHooks({ load(url, context, next) { urls.add(url); return next(url, context); } });
process.on('exit', () => writeFileSync(${JSON.stringify(list)}, JSON.stringify([...urls])));`,
  );
  const { status, stderr } = spawnSync(process.execPath, ['--import', pathToFileURL(watcher).href, ...args], {
    encoding: 'utf8',
  });
  expect([status, stderr]).toEqual([0, '']);
  return (JSON.parse(readFileSync(list, 'utf8')) as string[]).filter((url) => url.startsWith('file:'));
}

const importing = (path: string): string[] =>
  loadedBy('--input-type=module', '-e', `await import(${JSON.stringify(pathToFileURL(built(path)).href)})`);

/** Packages outside the workspace among loaded files. */
const outside = (files: readonly string[]): string[] =>
  [
    ...new Set(files.filter((url) => url.includes('/node_modules/')).map((url) => url.split('/node_modules/').at(-1))),
  ] as string[];

test('importing agentwire loads at most 200 files, and none of another project', () => {
  const files = importing('agentwire/dist/index.js');
  expect(outside(files)).toEqual([]);
  expect(files.length).toBeGreaterThan(100);
  expect(files.length).toBeLessThanOrEqual(200);
});

test('importing the gRPC transport loads neither Connect nor protobuf', () => {
  expect(outside(importing('transport-grpc/dist/index.js'))).toEqual([]);
});

test.each([
  ['agentwire', 'agentwire/bin/agentwire.js'],
  ['@agentwire/cli', 'cli/bin/agentwire.js'],
])('the --version of %s loads at most ten files', (_, bin) => {
  expect(loadedBy(built(bin), '--version').length).toBeLessThanOrEqual(10);
});
