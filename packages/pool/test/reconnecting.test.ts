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

test('an agent that is back is told as loudly as that it was away, and no repeats of that are told later', async () => {
  const lines: [level: string, message: string, fields: Readonly<Record<string, unknown>>][] = [];
  const level =
    (name: string) =>
    (fields: Readonly<Record<string, unknown>>, message: string): void =>
      void lines.push([name, message, fields]);
  const { pool, clock, serve } = setup({
    connectionsPerAgent: 3,
    reconnect: { initialMs: 1_000, maxMs: 1_000 },
    healthCheckIntervalMs: 60_000,
    logger: { debug: () => undefined, info: level('info'), warn: level('warn'), error: level('error') },
  });
  await pool.addAgent('a', 'memory:late');
  expect(lines).toEqual([['warn', expect.stringMatching(/^cannot reach an agent: /), expect.anything()]]);
  const listener = await serve('memory:late', () => ALLOWED);
  clock.advance(2_000);
  await settle();
  const again = lines.splice(0).slice(1);
  expect(again.map(([name, message]) => [name, message])).toEqual([
    ['warn', 'connected to an agent again'],
    ['info', 'connected to an agent'],
    ['info', 'connected to an agent'],
  ]);
  expect(again[0]?.[2]).toMatchObject({ agent: 'a', endpoint: 'memory:late', connections: 1 });
  clock.advance(10_000);
  await settle();
  expect(lines).toEqual([]);
  await listener.close();
  await settle();
  expect(lines[0]?.slice(0, 2)).toEqual(['warn', 'lost a connection to an agent']);
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
