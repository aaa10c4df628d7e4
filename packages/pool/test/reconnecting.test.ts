import type { AgentwireError } from '@agentwire/core';
import { expect, test } from 'vitest';
import { head, settle, setup } from './setup.ts';

const ALLOWED = { verdict: { type: 'allow' } } as const;
const LONG_MS = 600_000;

test('after a long outage a request finds the agent at once and not at the end of the backoff', async () => {
  const { pool, clock, serve } = setup({ connectionsPerAgent: 2, reconnect: { initialMs: LONG_MS, maxMs: LONG_MS } });
  await pool.addAgent('a', 'memory:late');
  clock.advance(1_000);
  await serve('memory:late', () => ALLOWED);
  await settle();
  expect(pool.stats.agents[0]?.connections).toBe(0);
  const error: AgentwireError = await pool.request('a', head(1), { only: true }).catch((reason) => reason);
  expect(error.code).toBe('ERR_CONNECT');
  await settle();
  // one connection was dialled early, and its success made the other dial too
  expect(pool.stats.agents[0]?.connections).toBe(2);
  await expect(pool.request('a', head(2), { only: true })).resolves.toMatchObject(ALLOWED);
});

test('requests for an agent that stays down make at most one attempt in 250 ms', async () => {
  let attempts = 0;
  const { pool, clock, transport } = setup({
    connectionsPerAgent: 4,
    reconnect: { initialMs: LONG_MS, maxMs: LONG_MS },
  });
  const connect = transport.connect.bind(transport);
  transport.connect = (...args) => {
    attempts += 1;
    return connect(...args);
  };
  await pool.addAgent('a', 'memory:no-agent');
  expect(attempts).toBe(4);
  for (let at = 0; at < 100; at++) {
    clock.advance(10);
    await pool.request('a', head(at), { only: true }).catch(() => undefined);
    await settle(1);
  }
  expect(attempts - 4).toBeGreaterThan(0);
  expect(attempts - 4).toBeLessThanOrEqual(4);
});
