import { ALLOW, type AgentwireError, type Decision } from '@agentwire/core';
import { expect, test, vi } from 'vitest';
import { head, settle, setup } from './setup.ts';

const ONLY_HEADS = { events: ['requestHeaders'] } as const;
const SETTINGS = { initialLimit: 4, minLimit: 2, maxLimit: 50, windowMs: 100 };

/** A pool with an agent that answers each event after `latencyMs` of the manual clock. */
async function worldWith(options: object) {
  const metrics = { count: vi.fn(), gauge: vi.fn(), observe: vi.fn() };
  const world = setup({ connectionsPerAgent: 2, healthCheckIntervalMs: 86_400_000, metrics, ...options });
  const agent = { latencyMs: 10, atOnce: 0, most: 0 };
  await world.serve(
    'memory:a',
    () =>
      new Promise<Decision>((resolve) => {
        agent.atOnce += 1;
        agent.most = Math.max(agent.most, agent.atOnce);
        world.clock.setTimeout(() => {
          agent.atOnce -= 1;
          resolve(ALLOW);
        }, agent.latencyMs);
      }),
    ONLY_HEADS,
  );
  await world.pool.addAgent('waf', 'memory:a');
  const limit = (): number => world.pool.stats.agents[0]?.concurrencyLimit ?? -1;
  return { ...world, metrics, agent, limit };
}

test('more requests than the limit wait in the queue, on all connections together', async () => {
  const { pool, agent, clock, limit } = await worldWith({ adaptiveConcurrency: SETTINGS });
  const asked = Array.from({ length: 12 }, (_, id) => pool.request('waf', head(id)));
  await settle();
  expect(limit()).toBe(4);
  expect(pool.stats.agents[0]).toMatchObject({ inFlight: 4, queued: 8 });
  for (let round = 0; round < 6; round++) {
    clock.advance(10);
    await settle();
  }
  expect(await Promise.all(asked)).toEqual(Array(12).fill(ALLOW));
  expect(agent.most).toBe(4);
});

test('the limit grows under load while the agent stays fast, and its gauge with it', async () => {
  const { pool, clock, limit, metrics } = await worldWith({ adaptiveConcurrency: SETTINGS });
  let id = 0;
  for (let round = 0; round < 200; round++) {
    for (let at = 0; at < 4; at++) void pool.request('waf', head((id += 1))).catch(() => undefined);
    clock.advance(10);
    await settle(2);
  }
  expect(limit()).toBeGreaterThan(4);
  expect(metrics.gauge.mock.calls).toContainEqual(['agent_concurrency_limit', { agent: 'waf' }, limit()]);
});

test('timeouts lower it, and requests past a full queue are ERR_OVERLOADED', async () => {
  const { pool, agent, clock, limit } = await worldWith({
    adaptiveConcurrency: { ...SETTINGS, initialLimit: 10 },
    requestTimeoutMs: 50,
    maxQueuedPerAgent: 0,
    circuitBreakerThreshold: 1_000,
    outlierEjectionThreshold: Infinity,
  });
  agent.latencyMs = 1_000;
  const codes: string[] = [];
  for (let round = 0; round < 4; round++) {
    for (let id = 0; id < 12; id++)
      void pool.request('waf', head(`${round}-${id}`)).catch(({ code }: AgentwireError) => codes.push(code));
    await settle();
    clock.advance(120);
    await settle();
  }
  expect(new Set(codes)).toEqual(new Set(['ERR_TIMEOUT', 'ERR_OVERLOADED']));
  expect(limit()).toBeLessThan(10);
});

test('without the option there is no limit', async () => {
  const { pool, limit } = await worldWith({});
  expect(limit()).toBe(-1);
  expect(pool.stats.agents[0]?.concurrencyLimit).toBeUndefined();
});
