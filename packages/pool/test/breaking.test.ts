import type { Decision } from '@agentwire/core';
import { describe, expect, test, vi } from 'vitest';
import { head, settle, setup } from './setup.ts';

const ALLOW: Decision = { verdict: { type: 'allow' } };
const never = (): Promise<Decision> => new Promise(() => undefined);
const OPTIONS = {
  connectionsPerAgent: 1,
  requestTimeoutMs: 100,
  circuitBreakerThreshold: 3,
  circuitBreakerResetTimeoutMs: 1_000,
} as const;

/** Asks once and lets it time out. @returns the code of the error, or the verdict */
async function ask({ pool, clock }: ReturnType<typeof setup>, id: number | string, ms = 100): Promise<string> {
  const answer = pool.request('waf', head(id)).then(
    ({ verdict }) => verdict.type,
    (error: { code: string }) => error.code,
  );
  await settle();
  clock.advance(ms);
  return answer;
}

describe('circuit breaker of an agent', () => {
  test('opens after timeouts in a row, fails at once, probes after the reset timeout, closes when the agent answers', async () => {
    const log = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() };
    const metrics = { count: vi.fn(), gauge: vi.fn(), observe: vi.fn() };
    const world = setup({ ...OPTIONS, logger: log, metrics });
    let answer: () => Decision | Promise<Decision> = never;
    const seen: string[] = [];
    await world.serve('memory:waf', ({ type }) => {
      seen.push(type);
      return answer();
    });
    await world.pool.addAgent('waf', 'memory:waf');
    for (const id of [1, 2, 3]) expect(await ask(world, id)).toBe('ERR_TIMEOUT');
    expect(world.pool.getHealth('waf').circuitBreakerState).toEqual({
      state: 'open',
      openedAt: world.clock.wallNow(),
    });
    const before = seen.length;
    await expect(world.pool.request('waf', head(4))).rejects.toMatchObject({
      code: 'ERR_CIRCUIT_OPEN',
      retryable: true,
    });
    expect((await world.pool.decide('waf', head(5))).audit?.custom).toMatchObject({ kind: 'circuit_open' });
    expect(seen.length).toBe(before);
    world.clock.advance(1_000);
    // a probe that is never answered opens it again, and no other request passes meanwhile
    const probe = ask(world, 6, 0);
    await settle();
    await expect(world.pool.request('waf', head(7))).rejects.toMatchObject({ code: 'ERR_CIRCUIT_OPEN' });
    world.clock.advance(100);
    expect(await probe).toBe('ERR_TIMEOUT');
    expect(world.pool.getHealth('waf').circuitBreakerState).toMatchObject({ state: 'open' });
    world.clock.advance(1_000);
    answer = () => ALLOW;
    expect(await ask(world, 8)).toBe('allow');
    expect(world.pool.getHealth('waf').circuitBreakerState).toBe('closed');
    expect(metrics.gauge.mock.calls.filter(([name]) => name === 'agent_circuit_breaker_state')).toEqual([
      ['agent_circuit_breaker_state', { agent: 'waf' }, 1],
      ['agent_circuit_breaker_state', { agent: 'waf' }, 0],
    ]);
    const lines = (calls: unknown[][]): unknown[] =>
      calls.map(([, text]) => text).filter((text) => /breaker/.test(String(text)));
    expect(lines(log.warn.mock.calls)).toEqual(['the circuit breaker of an agent opened: it is not asked']);
    expect(lines(log.info.mock.calls)).toEqual(['the circuit breaker of an agent closed: it answers again']);
  });

  test('counts neither blocks, nor cancels, nor handlers that fail, nor what the pool refuses itself', async () => {
    const world = setup({
      ...OPTIONS,
      circuitBreakerThreshold: 1,
      maxConcurrentPerConnection: 1,
      maxQueuedPerAgent: 0,
    });
    let answer: () => Decision | Promise<Decision> = () => ({ verdict: { type: 'block', status: 403 } });
    await world.serve('memory:waf', () => answer());
    await world.pool.addAgent('waf', 'memory:waf');
    expect(await ask(world, 1, 0)).toBe('block');
    answer = () => {
      throw new Error('a bug');
    };
    expect(await ask(world, 2, 0)).toBe('ERR_HANDLER');
    answer = never;
    const controller = new AbortController();
    const aborted = world.pool.request('waf', head(3), { signal: controller.signal });
    await settle();
    expect(await ask(world, 4, 0)).toBe('ERR_OVERLOADED');
    controller.abort();
    await expect(aborted).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    expect(world.pool.getHealth('waf').circuitBreakerState).toBe('closed');
  });

  test('counts no head that an agent refuses because of what its caller sent', async () => {
    const world = setup({ ...OPTIONS, circuitBreakerThreshold: 1, outlierEjectionThreshold: 1 });
    await world.serve('memory:waf', () => ALLOW);
    await world.pool.addAgent('waf', 'memory:waf', { onFailure: 'open' });
    for (const [id, wrong] of [{ uri: '/a b' }, { uri: '/\0' }, { method: 'GE T' }, { method: '' }].entries()) {
      await expect(world.pool.request('waf', { ...head(id), ...wrong })).rejects.toMatchObject({
        code: 'ERR_PROTOCOL',
      });
      await expect(world.pool.decide('waf', { ...head(`d${id}`), ...wrong })).rejects.toMatchObject({
        code: 'ERR_INVALID_ARGUMENT',
      });
    }
    expect(world.pool.getHealth('waf')).toMatchObject({ circuitBreakerState: 'closed', healthyConnections: 1 });
    expect(await ask(world, 'next')).toBe('allow');
  });

  test('the death of a connection is one failure, however many requests it took along', async () => {
    const world = setup({ ...OPTIONS, circuitBreakerThreshold: 2, reconnect: { initialMs: 60_000, maxMs: 60_000 } });
    const listener = await world.serve('memory:waf', never);
    await world.pool.addAgent('waf', 'memory:waf');
    const lost = [1, 2, 3, 4].map((id) =>
      world.pool.request('waf', head(id)).catch(({ code }: { code: string }) => code),
    );
    await settle();
    for (const session of listener.sessions) session.connection.abort();
    expect(await Promise.all(lost)).toEqual(Array(4).fill('ERR_CLOSED'));
    expect(world.pool.getHealth('waf').circuitBreakerState).toBe('closed');
  });

  test('a new connection of the agent moves an open breaker to half-open at once', async () => {
    const world = setup({ ...OPTIONS, circuitBreakerThreshold: 1 });
    let answer: () => Decision | Promise<Decision> = never;
    const listener = await world.serve('memory:waf', () => answer());
    await world.pool.addAgent('waf', 'memory:waf');
    expect(await ask(world, 1)).toBe('ERR_TIMEOUT');
    expect(world.pool.getHealth('waf').circuitBreakerState).toMatchObject({ state: 'open' });
    answer = () => ALLOW;
    for (const session of listener.sessions) session.connection.abort();
    await settle();
    world.clock.advance(1_000);
    await settle();
    expect(world.pool.getHealth('waf').circuitBreakerState).toBe('halfOpen');
    expect(await ask(world, 2, 0)).toBe('allow');
    expect(world.pool.getHealth('waf').circuitBreakerState).toBe('closed');
  });

  test.each([
    [{ circuitBreakerThreshold: 0 }, /circuitBreakerThreshold/],
    [{ circuitBreakerErrorRatio: 0 }, /circuitBreakerErrorRatio/],
    [{ circuitBreakerErrorRatio: '0.5' }, /circuitBreakerErrorRatio/],
    [{ circuitBreakerResetTimeoutMs: NaN }, /circuitBreakerResetTimeoutMs/],
  ])('options %j are refused by name', (options, message) => {
    expect(() => setup(options as never)).toThrow(message);
  });
});
