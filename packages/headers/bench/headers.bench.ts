import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { expect, it } from 'vitest';

/** Output of a script. */
function figuresOf(script: URL): (name: string) => number {
  const args = ['--conditions=@agentwire/source', fileURLToPath(script)];
  const output = execFileSync(process.execPath, args, { encoding: 'utf8' });
  const figures = JSON.parse(output) as Record<string, number>;
  console.table(figures);
  return (name) => figures[name] ?? Number.NaN;
}

it('times, in nanoseconds a call', () => {
  const time = figuresOf(new URL('./time.ts', import.meta.url));
  expect(time('intern Title-Case text')).toBeLessThan(time('Title-Case.toLowerCase()'));
  expect(time('intern lower-case text')).toBeLessThan(time('lower-case.toLowerCase()'));
  expect(time('intern bytes')).toBeLessThan(time('bytes.toString().toLowerCase()'));
  const headers = time('new Headers(pairs), read 4');
  expect(headers / time('wrap rawHeaders, read 4')).toBeGreaterThan(10);
  expect(headers / time('wrap headers object, read 4')).toBeGreaterThan(10);
});

it('heap growth, in bytes by a million calls', () => {
  const growth = figuresOf(new URL('./heap-delta.ts', import.meta.url));
  expect(growth('internText')).toBeLessThan(65_536);
  expect(growth('internBytes')).toBeLessThan(65_536);
  expect(growth('readWrapped')).toBeLessThan(65_536);
});
