import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { heavyOnes, ourTypeErrors, type Result } from '../src/checks.ts';
import { packageOf, runWatched } from '../src/loaded.ts';
import { findPackages } from '../src/packages.ts';
import { inParallel } from '../src/parallel.ts';
import { drawResults } from '../src/table.ts';

const FINE: Result = {
  package: '@agentwire/core',
  tarballBytes: 100_000,
  unpackedBytes: 400_000,
  files: 188,
  importMs: 9,
  outside: [],
  findings: [],
};

test('what a program loads is seen, whether it is imported, required, or imported later', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'aw-smoke-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const name of ['msgpackr', '@bufbuild/protobuf', '@agentwire/core', 'never']) {
    mkdirSync(join(folder, 'node_modules', name), { recursive: true });
    const type = name === 'msgpackr' ? 'commonjs' : 'module';
    writeFileSync(join(folder, 'node_modules', name, 'package.json'), JSON.stringify({ name, type, main: 'index.js' }));
    writeFileSync(join(folder, 'node_modules', name, 'index.js'), '');
  }
  const program = `import '@agentwire/core';
import { createRequire } from 'node:module';
createRequire(import.meta.url)('msgpackr');
await import('@bufbuild/protobuf');`;
  writeFileSync(join(folder, 'program.mjs'), program);
  const { result, packages } = await runWatched(folder, 'program.mjs');
  expect([result.status, packages]).toEqual([0, ['@agentwire/core', '@bufbuild/protobuf', 'msgpackr']]);
  expect(heavyOnes(packages)).toEqual(['@bufbuild/protobuf', 'msgpackr']);
});

test('a program that fails is no program that loads nothing', async () => {
  const { result } = await runWatched(tmpdir(), 'there-is-no-such-program.mjs');
  expect(result.status).not.toBe(0);
});

test('a module belongs to the innermost package', () => {
  expect(packageOf('file:///x/node_modules/a/node_modules/@b/c/index.js')).toBe('@b/c');
  expect(packageOf('node:fs')).toBeUndefined();
});

test('only what others got wrong in their own declarations is let pass', () => {
  const others = 'node_modules/@nats-io/nats-core/lib/msg.d.ts(3,22): error TS2420: no\n  because\n';
  const ours = 'node_modules/@agentwire/core/dist/a.d.ts(1,1): error TS2304: no\nconsumer.mts(1,1): error TS2307: no\n';
  expect(ourTypeErrors(others)).toEqual([]);
  expect(ourTypeErrors(`${others}${ours}error TS2688: no`)).toHaveLength(3);
});

test('a finding is a failed line, and stands below the table', () => {
  const text = drawResults([FINE, { ...FINE, package: '@agentwire/pool', findings: ['importing it loads msgpackr'] }]);
  expect(text).toMatch(/@agentwire\/core.*ok$/m);
  expect(text).toMatch(/@agentwire\/pool.*FAILED\n\n@agentwire\/pool: importing it loads msgpackr$/m);
});

test('every published package is found, with its subpaths and commands', () => {
  const packages = findPackages();
  const named = (name: string): (typeof packages)[number] | undefined => packages.find((one) => one.name === name);
  expect(named('@agentwire/core')?.specifiers).toContain('@agentwire/core/session');
  expect(named('agentwire')?.commands).toEqual(['agentwire']);
  expect(packages.every(({ specifiers, name }) => specifiers[0] === name)).toBe(true);
});

test('work goes on side by side and keeps its order', async () => {
  const running: number[] = [];
  let most = 0;
  const results = await inParallel([3, 1, 2], 2, async (item) => {
    running.push(item);
    most = Math.max(most, running.length);
    await new Promise((resolve) => setImmediate(resolve));
    running.splice(running.indexOf(item), 1);
    return item * 2;
  });
  expect([results, most]).toEqual([[6, 2, 4], 2]);
});
