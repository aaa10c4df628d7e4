import { ALLOW, type Decision } from '@agentwire/core';
import { describe, expect, test } from 'vitest';
import { head, settle, setup } from './setup.ts';

const ONLY_HEADS = { events: ['requestHeaders'] } as const;

/** A pool with four connections to an agent that notes the connection of each request by its path. */
async function worldWith(options: object = {}, answer: () => Decision | Promise<Decision> = () => ALLOW) {
  const world = setup({ connectionsPerAgent: 4, healthCheckIntervalMs: 86_400_000, ...options });
  const seen = new Map<string, unknown[]>();
  const listener = await world.serve(
    'memory:a',
    (event, { connection }) => {
      if (event.type === 'requestHeaders') seen.set(event.uri, [...(seen.get(event.uri) ?? []), connection]);
      return answer();
    },
    ONLY_HEADS,
  );
  await world.pool.addAgent('waf', 'memory:a');
  let id = 0;
  const ask = (session: string): Promise<Decision> => {
    id += 1;
    return world.pool.sendRequestHeadersWithStickySession(session, 'waf', head(id, `/${session}`));
  };
  const connectionsOf = (session: string): Set<unknown> => new Set(seen.get(`/${session}`));
  return { ...world, listener, seen, ask, connectionsOf };
}

describe('sticky sessions', () => {
  test('the requests of one go to one connection, those of many to all', async () => {
    const { ask, connectionsOf, pool } = await worldWith();
    for (let round = 0; round < 5; round++) for (const session of ['a', 'b', 'c', 'd']) await ask(session);
    const each = ['a', 'b', 'c', 'd'].map((session) => connectionsOf(session));
    expect(each.map(({ size }) => size)).toEqual([1, 1, 1, 1]);
    expect(new Set(each.flatMap((one) => [...one])).size).toBe(4);
    expect(pool.stickySessionCount).toBe(4);
  });

  test('are created, refreshed, found and cleared, each per agent', async () => {
    const { pool, clock, serve } = await worldWith({ stickySessionTimeoutMs: 1_000 });
    await serve('memory:b', () => ALLOW, ONLY_HEADS);
    await pool.addAgent('other', 'memory:b');
    expect(pool.createStickySession('s', 'waf')).toBe(true);
    expect(pool.createStickySession('s', 'waf')).toBe(false);
    expect(pool.hasStickySession('s', 'waf')).toBe(true);
    expect(pool.hasStickySession('s', 'other')).toBe(false);
    clock.advance(600);
    expect(pool.refreshStickySession('s', 'waf')).toBe(true);
    clock.advance(600);
    expect(pool.hasStickySession('s', 'waf')).toBe(true);
    clock.advance(400);
    expect(pool.hasStickySession('s', 'waf')).toBe(false);
    expect(pool.refreshStickySession('s', 'waf')).toBe(false);
    expect(pool.stickySessionCount).toBe(0);
    pool.createStickySession('t', 'waf');
    expect(pool.clearStickySession('t', 'waf')).toBe(true);
    expect(pool.clearStickySession('t', 'waf')).toBe(false);
    pool.createStickySession('u', 'other');
    await pool.removeAgent('other');
    expect(pool.stickySessionCount).toBe(0);
  });

  test('a request refreshes its session', async () => {
    const { pool, ask, clock } = await worldWith({ stickySessionTimeoutMs: 1_000 });
    await ask('s');
    clock.advance(600);
    await ask('s');
    clock.advance(600);
    expect(pool.hasStickySession('s', 'waf')).toBe(true);
  });

  test.each(['ends', 'pauses', 'drains'])('move to another connection where theirs %s, and stay there', async (how) => {
    const { ask, connectionsOf, listener, seen } = await worldWith({ reconnect: { initialMs: 60_000, maxMs: 60_000 } });
    await ask('s');
    const [first] = connectionsOf('s');
    for (const session of listener.sessions) {
      if (session.connection !== first) continue;
      if (how === 'ends') session.connection.abort();
      else if (how === 'pauses') session.notify({ type: 'flowControl', action: 'pause' });
      else session.notify({ type: 'drain' });
    }
    await settle();
    seen.clear();
    for (let at = 0; at < 4; at++) await ask('s');
    expect(connectionsOf('s').size).toBe(1);
    expect(connectionsOf('s').has(first)).toBe(false);
  });

  test('use another connection while theirs is full, and come back', async () => {
    const waiting: ((decision: Decision) => void)[] = [];
    const world = await worldWith(
      { maxConcurrentPerConnection: 1 },
      () => new Promise((resolve) => waiting.push(resolve)),
    );
    const both = [world.ask('s'), world.ask('s')];
    await settle();
    expect(world.connectionsOf('s').size).toBe(2);
    const [first] = world.connectionsOf('s');
    for (const answer of waiting.splice(0)) answer(ALLOW);
    await Promise.all(both);
    world.seen.clear();
    const third = world.ask('s');
    await settle();
    expect([...world.connectionsOf('s')]).toEqual([first]);
    waiting[0]?.(ALLOW);
    await third;
  });

  test('choose their connection also where the first request had to wait for one', async () => {
    const waiting: ((decision: Decision) => void)[] = [];
    const world = await worldWith(
      { maxConcurrentPerConnection: 1, connectionsPerAgent: 1 },
      () => new Promise((resolve) => waiting.push(resolve)),
    );
    const asked = [world.ask('s'), world.ask('t')];
    await settle();
    waiting.shift()?.(ALLOW);
    await settle();
    waiting.shift()?.(ALLOW);
    await Promise.all(asked);
    expect(world.connectionsOf('t').size).toBe(1);
  });

  test('past maxStickySessions a new one is ERR_OVERLOADED, and those that are over make room', async () => {
    const { pool, ask, clock } = await worldWith({ maxStickySessions: 2, stickySessionTimeoutMs: 1_000 });
    pool.createStickySession('a', 'waf');
    await ask('b');
    expect(() => pool.createStickySession('c', 'waf')).toThrow(expect.objectContaining({ code: 'ERR_OVERLOADED' }));
    await expect(ask('c')).rejects.toMatchObject({ code: 'ERR_OVERLOADED' });
    await ask('a');
    clock.advance(1_000);
    await ask('c');
    expect(pool.stickySessionCount).toBe(1);
  });

  test('a wrong id, an unknown agent and a wrong option are typed errors', async () => {
    const { pool } = await worldWith();
    const invalid = expect.objectContaining({
      code: 'ERR_INVALID_ARGUMENT',
      message: expect.stringContaining('sessionId'),
    });
    for (const id of ['', 'x'.repeat(257), 7, undefined]) {
      expect(() => pool.createStickySession(id as string, 'waf')).toThrow(invalid);
    }
    await expect(pool.request('waf', head(1), { stickySession: 7 as never })).rejects.toEqual(invalid);
    const unknown = expect.objectContaining({ code: 'ERR_UNKNOWN_AGENT' });
    expect(() => pool.createStickySession('s', 'none')).toThrow(unknown);
    expect(() => pool.refreshStickySession('s', 'none')).toThrow(unknown);
    expect(() => pool.hasStickySession('s', 'none')).toThrow(unknown);
    expect(() => pool.clearStickySession('s', 'none')).toThrow(unknown);
    await expect(pool.sendRequestHeadersWithStickySession('s', 'none', head(1))).rejects.toEqual(unknown);
    expect(() => setup({ stickySessionTimeoutMs: 0 })).toThrow(/stickySessionTimeoutMs/);
    expect(() => setup({ maxStickySessions: 0 })).toThrow(/maxStickySessions/);
  });
});
