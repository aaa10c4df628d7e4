import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

it('what an event costs, in nanoseconds', () => {
  const script = fileURLToPath(new URL('./time.ts', import.meta.url));
  const output = execFileSync(process.execPath, ['--conditions=@agentwire/source', script], { encoding: 'utf8' });
  const figures = JSON.parse(output) as Record<string, number>;
  console.table(figures);
  // ratios, because absolute figures belong to the machine
  expect((figures['constant decision'] ?? 0) / (figures['bare session'] ?? 1)).toBeLessThan(3);
});
