import { ALLOW } from '@agentwire/core';
import { expect, test } from 'vitest';
import { head, settle, setup } from './setup.ts';

/** Recorder that has the last value of each gauge, and the agents that were removed. */
function recording() {
  const gauges = new Map<string, number>();
  const removed: string[] = [];
  const metrics = {
    count: () => undefined,
    observe: () => undefined,
    gauge: (name: string, { agent }: Readonly<Record<string, string>>, value: number): void =>
      void gauges.set(`${name} ${agent}`, value),
    removeAgent: (agent: string): void => void removed.push(agent),
  };
  return { gauges, removed, metrics };
}

test('gauges of an agent that replaces another one are of both, and of it alone once that one has left', async () => {
  const { gauges, removed, metrics } = recording();
  const { pool, clock, serve } = setup({ metrics, circuitBreakerThreshold: 1, requestTimeoutMs: 100 });
  const { promise: late, resolve } = Promise.withResolvers<typeof ALLOW>();
  const { sessions } = await serve('memory:old', () => late);
  await serve('memory:new', () => ALLOW);
  await pool.addAgent('waf', 'memory:old');
  const asked = pool.request('waf', head(1)).catch((error: unknown) => error);
  for (const session of sessions) session.notify({ type: 'flowControl', action: 'pause' });
  await settle();
  clock.advance(100);
  expect(await asked).toMatchObject({ code: 'ERR_TIMEOUT' });
  await pool.addAgent('waf#1', 'memory:new', { shownAs: 'waf' });
  const read = (): (number | undefined)[] =>
    ['agent_connections_active', 'agent_flow_paused', 'agent_circuit_breaker_state'].map((name) =>
      gauges.get(`${name} waf`),
    );
  expect(read()).toEqual([4, 2, 1]);
  resolve(ALLOW);
  await settle();
  await pool.removeAgent('waf');
  expect([read(), removed]).toEqual([[2, 0, 0], []]);
  await pool.removeAgent('waf#1');
  expect(removed).toEqual(['waf']);
});

test('an agent that is added under the name of one that is being removed keeps its gauges', async () => {
  const { gauges, removed, metrics } = recording();
  const { pool, serve } = setup({ metrics });
  await serve('memory:a', () => ALLOW);
  await pool.addAgent('waf', 'memory:a');
  await Promise.all([pool.removeAgent('waf'), pool.addAgent('waf', 'memory:a')]);
  expect([gauges.get('agent_connections_active waf'), removed]).toEqual([2, []]);
});
