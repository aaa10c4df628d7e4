import { execFile, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const run = async (...options: readonly string[]): Promise<string> => {
  const { stdout } = await promisify(execFile)(process.execPath, ['--conditions=@agentwire/source', main, ...options]);
  return stdout;
};

test('solves its job in one process', { timeout: 90_000 }, async () => {
  expect(await run('--local')).toContain('all as it should be');
});

const hasServer = spawnSync('nats-server', ['--version']).status === 0;
const unlessServer = hasServer ? '' : ' [SKIPPED: no nats-server on the PATH; apt-get install nats-server]';

test.skipIf(!hasServer)(
  `solves its job over NATS, each agent in a process of its own${unlessServer}`,
  { timeout: 90_000 },
  async () => {
    expect(await run()).toContain('all as it should be');
  },
);
