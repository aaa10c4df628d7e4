import { ALLOW, AgentwireError, type Decision } from '@agentwire/core';
import { AgentPool } from '@agentwire/pool';
import { describe, expect, test } from 'vitest';
import { head, settle, setup } from './setup.ts';

const pending = (): Promise<Decision> => new Promise(() => undefined);

describe('asking', () => {
  test('a request is answered and its events stay on one connection', async () => {
    const { pool, serve } = setup();
    const seen: string[] = [];
    await serve('memory:a', (event, request) => {
      seen.push(`${event.type} ${request.connection.id}`);
      return { verdict: { type: 'allow' }, needsMore: event.type === 'requestHeaders' };
    });
    await pool.addAgent('waf', 'memory:a');
    expect(await pool.sendRequestHeaders('waf', head('r1'))).toMatchObject({ verdict: { type: 'allow' } });
    await pool.sendRequestBodyChunk('waf', { id: 'r1', index: 0, data: new Uint8Array(3), last: true });
    await pool.sendResponseHeaders('waf', { id: 'r1', status: 200, headers: [], hasBody: false });
    expect(
      pool.sendRequestComplete('waf', {
        id: 'r1',
        status: 200,
        durationMs: 1,
        requestBodySize: 3,
        responseBodySize: 0,
        upstreamAttempts: 1,
      }),
    ).toBe(true);
    await settle();
    expect(seen.map((line) => line.split(' ')[0])).toEqual([
      'requestHeaders',
      'requestBodyChunk',
      'responseHeaders',
      'requestComplete',
    ]);
    expect(new Set(seen.map((line) => line.split(' ')[1])).size).toBe(1);
    expect(pool.stats.agents[0]).toMatchObject({ inFlight: 0, liveRequests: 0, connections: 2 });
  });

  test('least connections spreads what is in flight evenly', async () => {
    const { pool, serve } = setup({ connectionsPerAgent: 4 });
    const byConnection = new Map<string, number>();
    await serve('memory:a', (_event, request) => {
      byConnection.set(request.connection.id, (byConnection.get(request.connection.id) ?? 0) + 1);
      return pending();
    });
    await pool.addAgent('waf', 'memory:a');
    for (let i = 0; i < 40; i++) void pool.request('waf', head(i)).catch(() => undefined);
    await settle();
    expect([...byConnection.values()]).toEqual([10, 10, 10, 10]);
  });

  test('a live id is ERR_DUPLICATE_REQUEST, a chunk without headers ERR_INVALID_STATE, an unknown agent ERR_UNKNOWN_AGENT', async () => {
    const { pool, serve } = setup();
    await serve('memory:a', pending);
    await pool.addAgent('waf', 'memory:a');
    void pool.request('waf', head(0)).catch(() => undefined);
    await expect(pool.request('waf', head(0))).rejects.toMatchObject({ code: 'ERR_DUPLICATE_REQUEST' });
    const chunk = { id: 'x', index: 0, data: new Uint8Array(), last: true };
    await expect(pool.sendRequestBodyChunk('waf', chunk)).rejects.toMatchObject({ code: 'ERR_INVALID_STATE' });
    await expect(pool.request('none', head(1))).rejects.toMatchObject({
      code: 'ERR_UNKNOWN_AGENT',
      message: expect.stringContaining('it has waf'),
    });
  });

  test('an abort cancels at the agent', async () => {
    const { pool, serve } = setup();
    const signals: AbortSignal[] = [];
    await serve('memory:a', (_event, request) => {
      signals.push(request.signal);
      return pending();
    });
    await pool.addAgent('waf', 'memory:a');
    const controller = new AbortController();
    const answer = pool.request('waf', head(1), { signal: controller.signal });
    await settle();
    controller.abort();
    await expect(answer).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    await settle();
    expect(signals[0]?.aborted).toBe(true);
  });

  test('cancelRequest and cancelAll', async () => {
    const { pool, serve } = setup();
    await serve('memory:a', pending);
    await pool.addAgent('waf', 'memory:a');
    const all = Promise.allSettled([1, 2, 3].map((id) => pool.request('waf', head(id))));
    let rejected = false;
    void pool.request('waf', head(4), { only: true }).catch(() => (rejected = true));
    expect(await pool.cancelRequest('waf', 1)).toEqual({ live: 1, queued: 0, unanswered: 1 });
    expect(await pool.cancelRequest('waf', 99)).toEqual({ live: 0, queued: 0, unanswered: 0 });
    expect(await pool.cancelAll('waf')).toEqual({ live: 2, queued: 0, unanswered: 3 });
    expect(rejected).toBe(true);
    await expect(pool.cancelAll('other')).rejects.toMatchObject({ code: 'ERR_UNKNOWN_AGENT' });
    for (const outcome of await all) expect(outcome).toMatchObject({ reason: { code: 'ERR_ABORTED' } });
    expect(pool.stats.agents[0]).toMatchObject({ inFlight: 0, liveRequests: 0 });
  });
});

describe('bounds', () => {
  test('requests past the capacity of the connections are queued; past the queue they are ERR_OVERLOADED', async () => {
    const { pool, serve } = setup({ connectionsPerAgent: 1, maxConcurrentPerConnection: 1, maxQueuedPerAgent: 1 });
    const answers: (() => void)[] = [];
    await serve('memory:a', () => new Promise((resolve) => answers.push(() => resolve(ALLOW))));
    await pool.addAgent('waf', 'memory:a');
    const [first, second] = [pool.request('waf', head(1)), pool.request('waf', head(2))];
    await expect(pool.request('waf', head(3))).rejects.toMatchObject({ code: 'ERR_OVERLOADED' });
    await settle();
    expect(answers).toHaveLength(1);
    answers[0]?.();
    await first;
    await settle();
    answers[1]?.();
    expect(await second).toEqual(ALLOW);
  });

  test('a queued request ends at its deadline and at its signal', async () => {
    const { pool, serve, clock } = setup({ connectionsPerAgent: 1, maxConcurrentPerConnection: 1 });
    await serve('memory:a', pending);
    await pool.addAgent('waf', 'memory:a');
    void pool.request('waf', head(1)).catch(() => undefined);
    const late = expect(pool.request('waf', head(2), { timeoutMs: 50 })).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
    const controller = new AbortController();
    const aborted = expect(pool.request('waf', head(3), { signal: controller.signal })).rejects.toMatchObject({
      code: 'ERR_ABORTED',
    });
    controller.abort();
    clock.advance(50);
    await Promise.all([late, aborted]);
    expect(pool.stats.agents[0]?.queued).toBe(0);
  });

  test("the agent's announced concurrency lowers the pool's", async () => {
    const { pool, serve } = setup({ connectionsPerAgent: 1 });
    let running = 0;
    await serve('memory:a', () => ((running += 1), pending()), { maxConcurrentRequests: 3 });
    await pool.addAgent('waf', 'memory:a');
    for (let i = 0; i < 10; i++) void pool.request('waf', head(i)).catch(() => undefined);
    await settle();
    expect(running).toBe(3);
  });
});

describe('reconnecting', () => {
  test('an agent that dies fails what is pending at once, and is found again when it comes back', async () => {
    const { pool, serve, clock } = setup({ connectionsPerAgent: 1 });
    const agent = await serve('memory:a', pending);
    await pool.addAgent('waf', 'memory:a');
    const all = Promise.allSettled([1, 2].map((id) => pool.request('waf', head(id))));
    await settle();
    for (const session of agent.sessions) session.connection.abort();
    await agent.close();
    for (const outcome of await all) expect(outcome).toMatchObject({ reason: { code: 'ERR_CLOSED' } });
    await expect(pool.request('waf', head(3))).rejects.toMatchObject({ code: 'ERR_CONNECT' });
    await expect(
      pool.sendRequestBodyChunk('waf', { id: 1, index: 0, data: new Uint8Array(), last: true }),
    ).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    await serve('memory:a', () => ALLOW);
    clock.advance(1_000);
    await settle();
    expect(await pool.request('waf', head(4))).toEqual(ALLOW);
    expect(pool.getHealth('waf')).toMatchObject({ healthyConnections: 1, totalConnections: 1 });
  });

  test('an agent that is not there yet is added and connects later', async () => {
    const { pool, serve, clock } = setup();
    await pool.addAgent('waf', 'memory:later');
    expect(pool.getHealth('waf').state).toBe('disconnected');
    await expect(pool.request('waf', head(1))).rejects.toMatchObject({
      code: 'ERR_CONNECT',
      message: expect.stringContaining('memory:later'),
    });
    await serve('memory:later', () => ALLOW);
    clock.advance(40_000);
    await settle();
    expect(await pool.request('waf', head(1))).toEqual(ALLOW);
  });

  test('a draining agent gets nothing new and finishes what is in flight', async () => {
    const { pool, serve, clock } = setup({ connectionsPerAgent: 1, reconnect: { jitter: 0 } });
    let answer: (() => void) | undefined;
    const agent = await serve('memory:a', () => new Promise((resolve) => (answer = () => resolve(ALLOW))));
    await pool.addAgent('waf', 'memory:a');
    const asked = pool.request('waf', head(1));
    await settle();
    const drained = agent.drain();
    await settle();
    const refused = expect(pool.request('waf', head(2))).rejects.toMatchObject({ code: 'ERR_DRAINING' });
    clock.advance(100);
    await refused;
    answer?.();
    expect(await asked).toEqual(ALLOW);
    await drained;
  });
});

describe('failure policy', () => {
  test('closed is the default, open allows, both say so', async () => {
    const { pool, serve } = setup();
    await serve('memory:a', () => {
      throw new Error('broken');
    });
    await pool.addAgent('shut', 'memory:a');
    await pool.addAgent('open', 'memory:a', { onFailure: 'open' });
    expect(await pool.decide('shut', head(1))).toMatchObject({
      verdict: { type: 'block', status: 503 },
      audit: { tags: ['agentwire:fail-closed'], reasonCodes: ['agentwire:ERR_HANDLER'] },
    });
    expect(await pool.decide('open', head(1))).toMatchObject({
      verdict: { type: 'allow' },
      audit: { tags: ['agentwire:fail-open'] },
    });
    expect(pool.stats.agents.map(({ failures }) => failures)).toEqual([1, 1]);
  });

  test.each([
    ['of no known type', { type: 'x', id: 1 }],
    ['with a wrong field', { ...head(1), method: 7 }],
    ['with a path whose escapes were decoded', { ...head(1), uri: '/a b' }],
    ['with wrong metadata', { ...head(1), metadata: { clientPort: 'http' } }],
  ])('an event %s is an error of the caller, whether or not the agent is there', async (_, event) => {
    const { pool, serve } = setup();
    await serve('memory:a', () => ALLOW);
    await pool.addAgent('there', 'memory:a', { onFailure: 'open' });
    await pool.addAgent('away', 'memory:no-agent', { onFailure: 'open' });
    for (const agent of ['there', 'away'])
      await expect(pool.decide(agent, event as never)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
    expect(pool.stats.agents.map(({ failures }) => failures)).toEqual([0, 0]);
    expect(await pool.decide('away', head(1))).toMatchObject({ audit: { tags: ['agentwire:fail-open'] } });
  });

  test.each([
    ['name', ['bad name', 'x']],
    ['value', ['x', 'a\r\nb: c']],
  ])('a header %s that HTTP cannot carry is never decided by a policy', async (_, headers) => {
    const { pool, serve } = setup();
    await serve('memory:a', () => ALLOW);
    await pool.addAgent('there', 'memory:a', { onFailure: 'open' });
    await pool.addAgent('away', 'memory:no-agent', { onFailure: 'open' });
    for (const agent of ['there', 'away'])
      await expect(pool.decide(agent, { ...head(1), headers })).rejects.toMatchObject({ code: 'ERR_INVALID_HEADER' });
  });

  test('a kind can have its own rule, and a function may decide', async () => {
    const { pool, clock, serve } = setup();
    await serve('memory:a', pending);
    await pool.addAgent('waf', 'memory:a', {
      onFailure: { timeout: ({ kind }) => ({ verdict: { type: 'block', status: 504, body: kind } }), default: 'open' },
    });
    const decided = pool.decide('waf', head(1), { timeoutMs: 10 });
    await settle();
    clock.advance(40);
    expect(await decided).toMatchObject({
      verdict: { status: 504, body: 'timeout' },
      audit: { tags: ['agentwire:fail-custom'] },
    });
    await pool.addAgent('away', 'memory:no-agent', { onFailure: { timeout: 'closed', default: 'open' } });
    expect(await pool.decide('away', head(1))).toMatchObject({ verdict: { type: 'allow' } });
  });

  test('an error of the caller, or a request that it cancelled, is no failure of the agent', async () => {
    const { pool, serve } = setup();
    await serve('memory:a', pending);
    await pool.addAgent('waf', 'memory:a');
    const controller = new AbortController();
    controller.abort();
    await expect(pool.decide('waf', head(1), { signal: controller.signal })).rejects.toMatchObject({
      code: 'ERR_ABORTED',
    });
    expect(pool.stats.agents[0]?.failures).toBe(0);
  });

  test('an event that the agent does not take is allowed without asking', async () => {
    const { pool, serve } = setup();
    await serve('memory:a', () => ALLOW);
    await pool.addAgent('waf', 'memory:a');
    const chunk = { type: 'responseBodyChunk' as const, id: 1, index: 0, data: new Uint8Array(), last: true };
    expect(await pool.decide('waf', chunk)).toBe(ALLOW);
    expect(pool.handles('waf', 'responseBodyChunk')).toBe(false);
  });
});

describe('ends', () => {
  test('drain lets what is in flight finish', async () => {
    const { pool, serve } = setup();
    let answer: (() => void) | undefined;
    await serve('memory:a', () => new Promise((resolve) => (answer = () => resolve(ALLOW))), {
      events: ['requestHeaders'],
    });
    await pool.addAgent('waf', 'memory:a');
    const asked = pool.request('waf', head(1));
    await settle();
    const drained = pool.drain();
    answer?.();
    expect(await asked).toEqual(ALLOW);
    await drained;
    await expect(pool.addAgent('waf', 'memory:a')).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  });

  test('close leaves no timer behind', async () => {
    const { pool, serve, clock } = setup();
    const agent = await serve('memory:a', () => ALLOW);
    await pool.addAgent('waf', 'memory:a');
    await pool.addAgent('away', 'memory:no-agent');
    await pool.close();
    await agent.close();
    await settle();
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('options', () => {
  test.each([
    [{ connectionsPerAgent: '4' }, 'connectionsPerAgent must be an integer from 1 to 1024, got "4" (string)'],
    [{ conections: 4 }, 'has no option "conections"'],
    [{ loadBalanceStrategy: 'fastest' }, 'loadBalanceStrategy must be one of'],
  ])('%j throws and names it', (options, message) => {
    expect(() => new AgentPool(options as never)).toThrow(message);
  });

  test('an endpoint without a transport says what to do', async () => {
    const { pool } = setup();
    const error: unknown = await pool.addAgent('waf', 'grpc://127.0.0.1:1').catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(AgentwireError);
    expect(error).toMatchObject({
      code: 'ERR_INVALID_ADDRESS',
      message: expect.stringContaining('this pool has memory'),
    });
  });
});
