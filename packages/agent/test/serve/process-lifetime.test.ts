import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

test('an agent without its proxy keeps dialling, and ends on a signal', async () => {
  const script = fileURLToPath(new URL('./process-lifetime.ts', import.meta.url));
  const child = spawn(process.execPath, ['--conditions=@agentwire/source', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  let lines = '';
  for await (const text of child.stdout) {
    lines += String(text);
    if (lines.split('\n').length > 3) child.kill('SIGTERM');
  }
  expect(lines.split('\n').slice(0, 3)).toEqual(['ERR_CONNECT', 'ERR_CONNECT', 'ERR_CONNECT']);
  expect(await exited).toEqual([0, null]);
});
