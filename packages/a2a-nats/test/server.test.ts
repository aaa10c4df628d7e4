import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { startedInEachTest } from './node.ts';
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

describe('nodes and servers of a test', () => {
  const { afterNodes, close } = startedInEachTest();

  it('all end, the newest first, also when one of them fails to', async () => {
    const ended: string[] = [];
    const end = (name: string) => async (): Promise<void> => void ended.push(name);
    afterNodes(end('first'));
    afterNodes(() => Promise.reject(new Error('does not end')));
    afterNodes(end('last'));
    await expect(close()).rejects.toThrow('does not end');
    expect(ended).toEqual(['last', 'first']);
    await close();
  });
});
