import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import { hasServer, startServer, unlessServer } from './server.ts';

it.skipIf(!hasServer)(`a server of the tests takes its folder with it${unlessServer}`, async () => {
  const first = await startServer();
  const { folder } = first;
  first.kill('SIGKILL');
  const again = await first.restart();
  expect([again.folder, existsSync(folder)]).toEqual([folder, true]);
  await again.stop();
  expect(existsSync(folder)).toBe(false);
});
