import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { expect, test } from 'vitest';

// in a process of its own, where nothing else allocates
const script = fileURLToPath(new URL('../bench/heap-delta.ts', import.meta.url));

test('interns and reads a million times in under 64 KiB of heap', () => {
  const output = execFileSync(process.execPath, ['--conditions=@agentwire/source', script], { encoding: 'utf8' });
  const figures = JSON.parse(output) as Record<string, number>;
  expect(figures['internText']).toBeLessThan(65_536);
  expect(figures['internBytes']).toBeLessThan(65_536);
  expect(figures['readWrapped']).toBeLessThan(65_536);
});
