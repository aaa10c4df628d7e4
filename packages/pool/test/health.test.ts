import { ALLOW, AgentwireError, type Decision, type HealthStatus } from '@agentwire/core';
import { describe, expect, test, vi } from 'vitest';
import { HealthWindow, verdictOf } from '../src/health/health-window.ts';
import { head, settle, setup } from './setup.ts';

const REPORTS = { healthReporting: true, events: ['requestHeaders'] } as const;
const report = (more: Partial<HealthStatus>): HealthStatus => ({
  type: 'healthStatus',
  agentId: 'waf',
  state: 'healthy',
  timestampMs: 1_000,
  ...more,
});

describe('HealthWindow', () => {
  test('has the success rate of the last minute, and forgets what is older', () => {
    const window = new HealthWindow();
    expect(window.successRate(0)).toBe(1);
    for (let at = 0; at < 8; at++) window.succeeded(10, 1_000);
    for (let at = 0; at < 2; at++) window.failed(new AgentwireError('ERR_TIMEOUT', 'late'), 31_000);
    expect(window.successRate(31_000)).toBe(0.8);
    expect(window.lastError?.code).toBe('ERR_TIMEOUT');
    // the successes have left the window
    expect(window.successRate(65_000)).toBe(0);
    expect(window.successRate(200_000)).toBe(1);
  });

  test('averages the latency of answers exponentially', () => {
    const window = new HealthWindow();
    window.succeeded(100, 0);
    window.failed(new AgentwireError('ERR_TIMEOUT', 'late'), 0);
    expect(window.averageLatencyMs).toBe(100);
    window.succeeded(200, 0);
    expect(window.averageLatencyMs).toBeCloseTo(110);
  });

  test.each([
    [1, 'healthy'],
    [0.951, 'healthy'],
    [0.95, 'degraded'],
    [0.8, 'degraded'],
    [0.799, 'unhealthy'],
  ])('a success rate of %d is %s', (rate, verdict) => {
    expect(verdictOf(rate)).toBe(verdict);
  });
});

describe('getHealth', () => {
  test('has the documented members and no other', async () => {
    const { pool, serve } = setup();
    await serve('memory:a', () => ALLOW, REPORTS);
    await pool.addAgent('waf', 'memory:a');
    expect(pool.getHealth('waf')).toEqual({
      agentName: 'waf',
      totalConnections: 2,
      healthyConnections: 2,
      successRate: 1,
      averageLatencyMs: 0,
      circuitBreakerState: 'closed',
      state: 'healthy',
    });
    expect(() => pool.getHealth('other')).toThrow(expect.objectContaining({ code: 'ERR_UNKNOWN_AGENT' }));
  });

  test('follows the outcomes, per agent and per connection', async () => {
    const { pool, serve, clock } = setup({ connectionsPerAgent: 1, healthCheckIntervalMs: 86_400_000 });
    let answer: () => Decision = () => ALLOW;
    await serve('memory:a', () => answer(), REPORTS);
    await pool.addAgent('waf', 'memory:a');
    for (let id = 0; id < 9; id++) await pool.request('waf', head(id));
    answer = () => {
      throw new Error('a bug');
    };
    await expect(pool.request('waf', head('x'))).rejects.toMatchObject({ code: 'ERR_HANDLER' });
    expect(pool.getHealth('waf')).toMatchObject({ successRate: 0.9, state: 'degraded' });
    expect(pool.getConnectionHealth('waf')).toEqual([
      {
        id: 1,
        healthy: true,
        ejected: false,
        pending: 0,
        successRate: 0.9,
        averageLatencyMs: 0,
        lastError: { code: 'ERR_HANDLER', message: expect.stringContaining('could not decide') },
        reported: undefined,
      },
    ]);
    clock.advance(70_000);
    expect(pool.getHealth('waf')).toMatchObject({ successRate: 1, state: 'healthy' });
  });

  test('is not lowered by errors of the caller', async () => {
    const { pool, serve } = setup({ connectionsPerAgent: 1 });
    await serve('memory:a', () => new Promise(() => undefined), REPORTS);
    await pool.addAgent('waf', 'memory:a');
    const abort = new AbortController();
    const aborted = pool.request('waf', head(1), { signal: abort.signal });
    abort.abort();
    await expect(aborted).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    const wrong = { ...head(2), method: 5 as unknown as string };
    await expect(pool.request('waf', wrong)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
    expect(pool.getHealth('waf').successRate).toBe(1);
  });
});

describe('what an agent reports about itself', () => {
  test('reaches the pool, is logged once per change, and ends with its validity', async () => {
    const log = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() };
    const { pool, serve, clock } = setup({ connectionsPerAgent: 1, logger: log, healthCheckIntervalMs: 86_400_000 });
    const listener = await serve('memory:a', () => ALLOW, REPORTS);
    await pool.addAgent('waf', 'memory:a');
    const [session] = listener.sessions;
    const unhealthy = report({ state: 'unhealthy', unhealthyReason: 'no disk', validUntilMs: 31_000 });
    session?.notify(unhealthy);
    session?.notify(unhealthy);
    await settle();
    expect(pool.getHealth('waf')).toMatchObject({ state: 'unhealthy', healthyConnections: 0, successRate: 1 });
    expect(pool.getConnectionHealth('waf')[0]).toMatchObject({ reported: 'unhealthy', healthy: false });
    const lines = log.warn.mock.calls.filter(([, text]) => text === 'an agent reports that it is not healthy');
    expect(lines).toHaveLength(1);
    expect(lines[0]?.[0]).toMatchObject({ agent: 'waf', state: 'unhealthy', unhealthyReason: 'no disk' });
    // the only connection is used all the same
    expect(await pool.request('waf', head(1))).toEqual(ALLOW);
    clock.advance(29_999);
    expect(pool.getHealth('waf').state).toBe('unhealthy');
    clock.advance(1);
    expect(pool.getHealth('waf')).toMatchObject({ state: 'healthy', healthyConnections: 1 });
  });

  test('a connection reported unhealthy gets nothing new while another one is healthy', async () => {
    const { pool, serve } = setup({ connectionsPerAgent: 2 });
    const served: number[] = [];
    const listener = await serve('memory:a', () => ALLOW, REPORTS);
    await pool.addAgent('waf', 'memory:a');
    const [sick, well] = listener.sessions;
    sick?.notify(report({ state: 'unhealthy' }));
    await settle();
    expect(pool.getHealth('waf')).toMatchObject({ state: 'unhealthy', healthyConnections: 1 });
    well?.notify(report({ state: 'healthy' }));
    await settle();
    expect(pool.getHealth('waf')).toMatchObject({ state: 'degraded', healthyConnections: 1 });
    for (let id = 0; id < 10; id++) await pool.request('waf', head(id));
    served.push(...[sick, well].map((session) => session?.stats.events ?? -1));
    expect(served).toEqual([0, 10]);
    well?.notify(report({ state: 'unhealthy' }));
    await settle();
    expect(pool.getHealth('waf').state).toBe('unhealthy');
    for (let id = 0; id < 10; id++) await pool.request('waf', head(id));
    expect(sick?.stats.events).toBe(5);
  });

  test('a degraded agent gets more time where its caller sets none', async () => {
    const { pool, serve, clock } = setup({ connectionsPerAgent: 1, requestTimeoutMs: 100 });
    const listener = await serve('memory:a', () => new Promise<Decision>(() => undefined), REPORTS);
    await pool.addAgent('waf', 'memory:a');
    const [session] = listener.sessions;
    session?.notify(report({ state: 'degraded', timeoutMultiplier: 3 }));
    await settle();
    expect(pool.getHealth('waf').state).toBe('degraded');
    const codes: string[] = [];
    const ask = (id: number, timeoutMs?: number): void =>
      void pool
        .request('waf', head(id), timeoutMs === undefined ? {} : { timeoutMs })
        .catch(({ code }: { code: string }) => codes.push(`${id} ${code}`));
    ask(1);
    ask(2, 100);
    await settle();
    clock.advance(200);
    await settle();
    expect(codes).toEqual(['2 ERR_TIMEOUT']);
    clock.advance(120);
    await settle();
    expect(codes).toEqual(['2 ERR_TIMEOUT', '1 ERR_TIMEOUT']);
  });

  test('a factor is from 1 to 10, whatever the report says', async () => {
    const { pool, serve, clock } = setup({ connectionsPerAgent: 1, requestTimeoutMs: 100 });
    const listener = await serve('memory:a', () => new Promise<Decision>(() => undefined), REPORTS);
    await pool.addAgent('waf', 'memory:a');
    for (const [timeoutMultiplier, ms] of [
      [0, 100],
      [1e9, 1_000],
    ] as const) {
      for (const session of listener.sessions) session.notify(report({ state: 'degraded', timeoutMultiplier }));
      await settle();
      let code = '';
      void pool.request('waf', head(ms)).catch((error: AgentwireError) => (code = error.code));
      await settle();
      clock.advance(ms - 1);
      await settle();
      expect(code).toBe('');
      clock.advance(21);
      await settle();
      expect(code).toBe('ERR_TIMEOUT');
    }
  });

  test('draining is obeyed like a drain: what is in flight finishes, and another session is dialled', async () => {
    const { pool, serve, clock } = setup({ connectionsPerAgent: 1 });
    let answer: (decision: Decision) => void = () => undefined;
    const listener = await serve('memory:a', () => new Promise<Decision>((resolve) => (answer = resolve)), REPORTS);
    await pool.addAgent('waf', 'memory:a');
    clock.advance(6_000);
    const [session] = listener.sessions;
    const asked = pool.request('waf', head(1));
    await settle();
    session?.notify(report({ state: 'draining', drainEtaMs: 1_000 }));
    session?.notify(report({ state: 'draining', drainEtaMs: 500 }));
    await settle();
    expect(listener.sessions.size).toBe(2);
    answer(ALLOW);
    expect(await asked).toEqual(ALLOW);
    await settle();
    expect(listener.sessions.size).toBe(1);
    expect(pool.getHealth('waf')).toMatchObject({ healthyConnections: 1, state: 'healthy' });
  });

  test('a report belongs to its session: the next one begins without it', async () => {
    const { pool, serve, clock } = setup({ connectionsPerAgent: 1 });
    const listener = await serve('memory:a', () => ALLOW, REPORTS);
    await pool.addAgent('waf', 'memory:a');
    for (const session of listener.sessions) session.notify(report({ state: 'unhealthy' }));
    await settle();
    expect(pool.getHealth('waf').state).toBe('unhealthy');
    for (const session of listener.sessions) session.connection.abort();
    await settle();
    clock.advance(1_000);
    await settle();
    expect(pool.getHealth('waf')).toMatchObject({ state: 'healthy', healthyConnections: 1 });
  });
});
