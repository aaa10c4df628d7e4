import { ALLOW, type Decision } from '@agentwire/core';
import { describe, expect, test, vi } from 'vitest';
import { head, settle, setup } from './setup.ts';

const OPTIONS = {
  requestTimeoutMs: 100,
  outlierEjectionThreshold: 2,
  outlierEjectionTimeMs: 5_000,
  circuitBreakerThreshold: 1_000,
  healthCheckIntervalMs: 86_400_000,
  loadBalanceStrategy: 'roundRobin',
} as const;

/** A pool with connections of which those in `silent` never answer. */
async function worldWith(connectionsPerAgent: number, options: object = {}) {
  const log = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() };
  const world = setup({ ...OPTIONS, connectionsPerAgent, logger: log, ...options });
  const silent = new Set<unknown>();
  const served = new Map<unknown, number>();
  const listener = await world.serve(
    'memory:a',
    (_event, request) => {
      const { connection } = request;
      served.set(connection, (served.get(connection) ?? 0) + 1);
      return silent.has(connection) ? new Promise<Decision>(() => undefined) : ALLOW;
    },
    { events: ['requestHeaders'] },
  );
  await world.pool.addAgent('waf', 'memory:a');
  let id = 0;
  /** Asks so many times, one after the other; what gets no answer times out. */
  const ask = async (times: number): Promise<string[]> => {
    const outcomes: string[] = [];
    for (let at = 0; at < times; at++) {
      id += 1;
      const outcome = world.pool.request('waf', head(id)).then(
        ({ verdict }) => verdict.type,
        ({ code }: { code: string }) => code,
      );
      await settle(4);
      world.clock.advance(120);
      outcomes.push(await outcome);
    }
    return outcomes;
  };
  return {
    ...world,
    log,
    listener,
    connections: [...listener.sessions].map(({ connection }) => connection),
    silent,
    served,
    ask,
  };
}

const ejected = ({ pool }: { pool: ReturnType<typeof setup>['pool'] }): boolean[] =>
  pool.getConnectionHealth('waf').map((connection) => connection.ejected);

describe('a connection that fails too often in a row', () => {
  test('gets nothing new for a time while others are there, and then returns', async () => {
    const world = await worldWith(3);
    const [bad] = world.connections;
    world.silent.add(bad);
    const first = await world.ask(6);
    expect(first.filter((outcome) => outcome === 'ERR_TIMEOUT')).toHaveLength(2);
    expect(ejected(world).filter(Boolean)).toHaveLength(1);
    expect(world.pool.getHealth('waf')).toMatchObject({ totalConnections: 3, healthyConnections: 2 });
    expect(await world.ask(12)).toEqual(Array(12).fill('allow'));
    expect(world.served.get(bad)).toBe(2);
    world.silent.clear();
    world.clock.advance(5_000);
    expect(ejected(world)).toEqual([false, false, false]);
    expect(await world.ask(6)).toEqual(Array(6).fill('allow'));
    expect(world.served.get(bad)).toBe(4);
    const lines = world.log.warn.mock.calls.filter(([, text]) => /is not used for a while/.test(String(text)));
    expect(lines.map(([fields]) => (fields as { ejectedMs: number }).ejectedMs)).toEqual([5_000]);
  });

  test('is out for longer each time that it fails again soon', async () => {
    const world = await worldWith(2);
    world.silent.add(world.connections[0]);
    await world.ask(4);
    world.clock.advance(5_000);
    await world.ask(4);
    expect(ejected(world).filter(Boolean)).toHaveLength(1);
    world.clock.advance(5_000);
    expect(ejected(world).filter(Boolean)).toHaveLength(1);
    world.clock.advance(5_000);
    expect(ejected(world)).toEqual([false, false]);
  });

  test('is never the last one', async () => {
    const world = await worldWith(3);
    for (const connection of world.connections) world.silent.add(connection);
    await world.ask(20);
    expect(ejected(world).filter(Boolean)).toHaveLength(2);
    expect(world.pool.getHealth('waf').healthyConnections).toBe(1);
  });

  test.each(['dies', 'pauses'])('is used again at once where the last one %s', async (how) => {
    const world = await worldWith(2, { reconnect: { initialMs: 60_000, maxMs: 60_000 } });
    const [bad, good] = world.connections;
    world.silent.add(bad);
    await world.ask(4);
    expect(ejected(world).filter(Boolean)).toHaveLength(1);
    world.silent.clear();
    if (how === 'dies') good?.abort();
    else
      for (const session of world.listener.sessions)
        if (session.connection === good) session.notify({ type: 'flowControl', action: 'pause' });
    await settle();
    expect(await world.ask(2)).toEqual(['allow', 'allow']);
  });

  test('is waited for like any other where the others are busy: it stays out', async () => {
    const world = await worldWith(2, { maxConcurrentPerConnection: 1, outlierEjectionThreshold: 1 });
    const [bad, good] = world.connections;
    world.silent.add(bad);
    const lost = [1, 2, 3, 4].map((id) =>
      world.pool.request('waf', head(`l${id}`)).catch(({ code }: { code: string }) => code),
    );
    await settle();
    world.clock.advance(120);
    await settle();
    world.clock.advance(120);
    await Promise.all(lost);
    const before = world.served.get(bad);
    expect(ejected(world).filter(Boolean)).toHaveLength(1);
    const many = [1, 2, 3, 4, 5].map((id) => world.pool.request('waf', head(`m${id}`)));
    await settle();
    expect((await Promise.all(many)).length).toBe(5);
    expect(world.served.get(bad)).toBe(before);
    expect(world.served.get(good)).toBeGreaterThanOrEqual(5);
  });

  test('begins anew with its next session', async () => {
    const world = await worldWith(2, { reconnect: { initialMs: 100, jitter: 0 } });
    const [bad] = world.connections;
    world.silent.add(bad);
    await world.ask(4);
    bad?.abort();
    await settle();
    world.clock.advance(200);
    await settle();
    expect(ejected(world)).toEqual([false, false]);
    expect(world.pool.getHealth('waf').healthyConnections).toBe(2);
  });

  test('is not ejected with a threshold of Infinity', async () => {
    const world = await worldWith(2, { outlierEjectionThreshold: Infinity });
    world.silent.add(world.connections[0]);
    await world.ask(12);
    expect(ejected(world)).toEqual([false, false]);
  });

  test.each([
    [{ outlierEjectionThreshold: 0 }, /outlierEjectionThreshold/],
    [{ outlierEjectionThreshold: 1.5 }, /outlierEjectionThreshold/],
    [{ outlierEjectionTimeMs: '5' }, /outlierEjectionTimeMs/],
    [{ healthCheckIntervalMs: 0 }, /healthCheckIntervalMs/],
  ])('options %j are refused by name', (options, message) => {
    expect(() => setup(options as never)).toThrow(message);
  });
});
