import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { createManualClock } from '@agentwire/core/testing';
import { createMemoryTransport } from '@agentwire/transport-memory';
import { AgentPool, allow, defineAgent, serveAgent } from 'agentwire';
import { expect, onTestFinished, test, vi } from 'vitest';

const head = { metadata: {}, method: 'GET', uri: '/', headers: [], hasBody: false } as const;

async function settle(): Promise<void> {
  for (let round = 0; round < 5; round += 1) await new Promise((resolve) => setImmediate(resolve));
}

test.each(['unix:', 'grpc://127.0.0.1:0', 'ws://127.0.0.1:0'])(
  'an agent at its limit pauses every connection of the pool, and resumes, over %s',
  async (listen) => {
    const folder = mkdtempSync(`${tmpdir()}/aw-`);
    const answers: (() => void)[] = [];
    const agent = defineAgent({
      name: 'waf',
      version: '1',
      maxConcurrentRequests: 1,
      onRequestHeaders: () => new Promise((resolve) => answers.push(() => resolve(allow()))),
    });
    const server = await serveAgent(agent, { listen: [listen === 'unix:' ? `unix:${folder}/a.sock` : listen] });
    const pool = new AgentPool({
      connectionsPerAgent: 3,
      flowControlMode: 'waitAndRetry',
      flowControlWaitTimeoutMs: 9_000,
    });
    onTestFinished(async () => {
      await pool.close();
      await server.close();
      rmSync(folder, { recursive: true });
    });
    await pool.addAgent('waf', server.endpoints[0] ?? '');
    const first = pool.sendRequestHeaders('waf', { ...head, id: 1 });
    await vi.waitFor(() => expect(pool.stats.agents[0]?.paused).toBe(3));
    const second = pool.sendRequestHeaders('waf', { ...head, id: 2 });
    expect(pool.stats.agents[0]).toMatchObject({ inFlight: 1, queued: 1 });
    answers[0]?.();
    expect((await first).verdict.type).toBe('allow');
    await vi.waitFor(() => expect(answers).toHaveLength(2));
    answers[1]?.();
    expect((await second).verdict.type).toBe('allow');
    await vi.waitFor(() => expect(pool.stats.agents[0]?.paused).toBe(0));
  },
);

test('an agent that reports rarely renews its pause in time, and its connections stay', async () => {
  const clock = createManualClock();
  const transports = [createMemoryTransport({ clock })];
  const agent = defineAgent({
    name: 'waf',
    version: '1',
    maxConcurrentRequests: 1,
    handlerTimeoutMs: 3_600_000,
    onRequestHeaders: () => new Promise(() => undefined),
  });
  const listen = ['memory:rare-reports'];
  const server = await serveAgent(agent, { listen, transports, clock, reportIntervalMs: 600_000 });
  const pool = new AgentPool({ transports, clock, connectionsPerAgent: 1, requestTimeoutMs: 3_600_000 });
  onTestFinished(async () => {
    await pool.close();
    await server.close();
  });
  await pool.addAgent('waf', 'memory:rare-reports');
  const asked = pool.sendRequestHeaders('waf', { ...head, id: 1 }).catch((error: unknown) => error);
  await settle();
  for (let seconds = 0; seconds < 100; seconds += 1) {
    clock.advance(1_000);
    await settle();
  }
  expect(pool.stats.agents[0]).toMatchObject({ connections: 1, paused: 1, inFlight: 1 });
  expect(pool.getHealth('waf').state).toBe('healthy');
  await pool.cancelAll('waf');
  expect(await asked).toMatchObject({ code: 'ERR_ABORTED' });
});
