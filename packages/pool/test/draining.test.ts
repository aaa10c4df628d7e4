import type { Decision } from '@agentwire/core';
import { expect, test } from 'vitest';
import { head, settle, setup } from './setup.ts';

const ALLOWED = { verdict: { type: 'allow' } } as const;
const NO_BACKOFF = { initialMs: 600_000, maxMs: 600_000 };

test('all connections drain at once: their replacements are dialled at once, and no request is lost', async () => {
  const { pool, clock, serve } = setup({ connectionsPerAgent: 3, reconnect: NO_BACKOFF });
  const { sessions } = await serve('memory:a', () => ALLOWED);
  await pool.addAgent('a', 'memory:a');
  clock.advance(5_000);
  for (const session of sessions) session.notify({ type: 'drain' });
  const asked: Promise<Decision>[] = [];
  for (let id = 0; id < 300; id += 1) {
    asked.push(pool.request('a', head(id), { only: true }));
    if (id % 10 === 0) await Promise.resolve();
  }
  expect((await Promise.all(asked)).every(({ verdict }) => verdict.type === 'allow')).toBe(true);
  await settle();
  expect(pool.stats.agents[0]?.connections).toBe(3);
});

test('what a draining connection has is answered there while the next one takes what is new', async () => {
  const { pool, clock, serve } = setup({ connectionsPerAgent: 1, reconnect: NO_BACKOFF });
  const held: ((decision: Decision) => void)[] = [];
  const { sessions } = await serve('memory:a', () => new Promise<Decision>((resolve) => held.push(resolve)));
  await pool.addAgent('a', 'memory:a');
  clock.advance(5_000);
  const old = pool.request('a', head(1), { only: true });
  await settle();
  for (const session of sessions) session.notify({ type: 'drain' });
  await settle();
  const fresh = pool.request('a', head(2), { only: true });
  await settle();
  expect([sessions.size, pool.stats.agents[0]?.inFlight]).toEqual([2, 2]);
  for (const answer of held) answer(ALLOWED);
  await expect(Promise.all([old, fresh])).resolves.toEqual([ALLOWED, ALLOWED]);
  await settle();
  expect(sessions.size).toBe(1);
});

test('connections that drain one after another, each within 5 s of its handshake, are replaced after growing waits, over which requests are held', async () => {
  const { pool, clock, serve } = setup({ connectionsPerAgent: 1, reconnect: { initialMs: 100, factor: 2, jitter: 0 } });
  const { sessions } = await serve('memory:a', () => ALLOWED);
  await pool.addAgent('a', 'memory:a');
  for (const waitMs of [100, 200, 400, 800]) {
    for (const session of sessions) session.notify({ type: 'drain' });
    await settle();
    const asked = pool.request('a', head(waitMs), { only: true });
    clock.advance(waitMs - 1);
    await settle();
    expect(pool.stats.agents[0]).toMatchObject({ connections: 0, queued: 1 });
    clock.advance(1);
    await expect(asked).resolves.toEqual(ALLOWED);
  }
  for (const session of sessions) session.notify({ type: 'drain' });
  await settle();
  await expect(pool.request('a', head(1), { only: true })).rejects.toMatchObject({ code: 'ERR_CONNECT' });
});

test('a request that waits for a replacement is rejected when it cannot be dialled', async () => {
  const { pool, clock, transport, serve } = setup({ connectionsPerAgent: 1, reconnect: NO_BACKOFF });
  const { sessions } = await serve('memory:a', () => ALLOWED);
  await pool.addAgent('a', 'memory:a');
  clock.advance(5_000);
  const dialled = Promise.withResolvers<never>();
  transport.connect = () => dialled.promise;
  for (const session of sessions) session.notify({ type: 'drain' });
  await settle();
  const waiting = pool.request('a', head(1), { only: true });
  dialled.reject(new Error('not there'));
  await expect(waiting).rejects.toMatchObject({ code: 'ERR_CONNECT' });
});

test('drain of a pool refuses new requests and cancels nothing before its timeout, after which the rest is ERR_CLOSED', async () => {
  const { pool, clock, serve } = setup({ connectionsPerAgent: 2, drainTimeoutMs: 30_000 });
  const held: { readonly signal: AbortSignal; answer(): void }[] = [];
  await serve(
    'memory:a',
    (_, { signal }) =>
      new Promise<Decision>((resolve) => held.push({ signal, answer: () => resolve({ verdict: { type: 'allow' } }) })),
  );
  await pool.addAgent('a', 'memory:a');
  const codeOf = (asked: Promise<Decision>): Promise<string> =>
    asked.then(
      ({ verdict }) => verdict.type,
      (error: unknown) => (error as { code: string }).code,
    );
  const options = { only: true, timeoutMs: 3_600_000 };
  const asked = [1, 2, 3].map((id) => codeOf(pool.request('a', head(id), options)));
  await settle();
  const draining = pool.drain();
  expect(await codeOf(pool.request('a', head(4), options))).toBe('ERR_DRAINING');
  for (let second = 0; second < 29; second += 1) {
    clock.advance(1_000);
    await settle(3);
  }
  held[0]?.answer();
  expect(await asked[0]).toBe('allow');
  expect(held.map(({ signal }) => signal.aborted)).toEqual([false, false, false]);
  expect(pool.stats.agents[0]?.inFlight).toBe(2);
  clock.advance(1_000);
  await draining;
  expect(await Promise.all(asked)).toEqual(['allow', 'ERR_CLOSED', 'ERR_CLOSED']);
  expect(pool.stats.agents).toEqual([]);
});

test.each([
  ['in flight', 100],
  ['in the queue', 1],
])(
  'an agent that restarts while its pool drains takes along what is %s, and is not dialled again',
  async (_what, most) => {
    const { pool, clock, transport, serve } = setup({
      connectionsPerAgent: 2,
      maxConcurrentPerConnection: most,
      reconnect: { initialMs: 1, maxMs: 1, jitter: 0 },
    });
    const first = await serve('memory:a', () => new Promise<Decision>(() => undefined));
    await pool.addAgent('a', 'memory:a');
    const asked = [1, 2, 3, 4].map((id) => pool.request('a', head(id), { timeoutMs: 3_600_000 }));
    const outcomes = Promise.allSettled(asked);
    await settle();
    const draining = pool.drain();
    for (const session of first.sessions) session.connection.abort();
    await first.close();
    const seen: unknown[] = [];
    await serve('memory:a', (event) => (seen.push(event.id), ALLOWED));
    let dialled = 0;
    const connect = transport.connect.bind(transport);
    transport.connect = (...args) => {
      dialled += 1;
      return connect(...args);
    };
    clock.advance(1_000);
    await settle();
    const codes = (await outcomes).map((one) =>
      one.status === 'fulfilled' ? 'allow' : (one.reason as Error & { code: string }).code,
    );
    for (const code of codes) expect(['ERR_CLOSED', 'ERR_CONNECT']).toContain(code);
    expect(codes.slice(0, 2)).toEqual(['ERR_CLOSED', 'ERR_CLOSED']);
    await draining;
    clock.advance(60_000);
    await settle();
    expect([dialled, seen, pool.stats.agents]).toEqual([0, [], []]);
  },
);
