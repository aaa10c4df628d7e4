import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { hasPrometheus } from '../src/checks.ts';

test.skipIf(!hasPrometheus)(
  'runs as a program: one trace, metrics, dashboard and alerts',
  async () => {
    const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, ['--conditions=@agentwire/source', main]);
    expect(stdout.match(/^ok /gm)).toHaveLength(5);
    expect(stdout).not.toContain('skipped');
  },
  120_000,
);
