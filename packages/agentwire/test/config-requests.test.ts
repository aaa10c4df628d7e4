import { expect, onTestFinished, test } from 'vitest';
import { AgentPool, allow, defineAgent, serveAgent } from '../src/index.ts';

test('an agent asks a pool for a change of its configuration; a pool without a handler for that refuses', async () => {
  const agent = defineAgent({ name: 'asks', version: '1', onRequestHeaders: () => allow() });
  const server = await serveAgent(agent, { listen: ['memory:asks'] });
  const asked: unknown[] = [];
  const pool = new AgentPool({
    name: 'takes',
    onConfigRequest(name, update) {
      asked.push([name, update.type]);
      if (update.type !== 'requestReload') throw new Error('reload only');
    },
  });
  const other = new AgentPool({ name: 'refuses' });
  onTestFinished(async () => {
    await pool.close();
    await other.close();
    await server.close();
  });
  await pool.addAgent('asks', 'memory:asks');
  expect(await server.requestConfig({ type: 'requestReload' })).toMatchObject([{ proxy: 'takes', accepted: true }]);
  const update = { type: 'restartRequired', reason: 'x', gracePeriodMs: 1 } as const;
  expect(await server.requestConfig(update)).toMatchObject([{ accepted: false, error: 'reload only' }]);
  expect(asked).toEqual([
    ['asks', 'requestReload'],
    ['asks', 'restartRequired'],
  ]);
  await other.addAgent('asks', 'memory:asks');
  const replies = await server.requestConfig({ type: 'requestReload' });
  expect(replies.find(({ proxy }) => proxy === 'refuses')).toMatchObject({
    accepted: false,
    error: 'this proxy takes no requests for its configuration',
  });
});
