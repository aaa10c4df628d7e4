import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));

// with the number of their checks, so that none is left out in silence
test.each([
  ['rate-limit', process.platform === 'linux' ? 7 : 4],
  ['jwt-auth', 12],
  ['waf-rules', 7],
  ['redact', 11],
  ['guardrail', 12],
  ['token-stream', 5],
  ['audit-log', 8],
  ['behind-nat', 6],
  ['canary', 7],
])('%s does what its page says, in a process of its own behind a gateway', async (name, checks) => {
  const run = promisify(execFile)(process.execPath, ['--conditions=@agentwire/source', main, name]);
  const { stdout } = await run;
  expect(stdout).not.toContain('FAIL');
  expect(stdout.match(/^ok /gm)).toHaveLength(checks);
});
