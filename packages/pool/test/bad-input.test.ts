import { ALLOW, type AgentwireError, type Decision, type RequestHeaders } from '@agentwire/core';
import { AgentPool } from '@agentwire/pool';
import { describe, expect, onTestFinished, test } from 'vitest';
import { head, settle, setup } from './setup.ts';

const ONLY_HEADS = { events: ['requestHeaders'] } as const;
const END = { status: 200, durationMs: 1, requestBodySize: 0, responseBodySize: 0, upstreamAttempts: 1 } as const;
const never = (): Promise<Decision> => new Promise(() => undefined);
const coded = (code: string, ...parts: readonly string[]): object =>
  expect.objectContaining({ code, message: expect.stringMatching(parts.map((part) => `(?=.*${part})`).join('')) });

describe('options', () => {
  test.each<[object, string]>([
    [{ connectionsPerAgnet: 4 }, 'connectionsPerAgnet'],
    [{ connectionsPerAgent: 0 }, 'connectionsPerAgent'],
    [{ connectionsPerAgent: '4' }, 'connectionsPerAgent'],
    [{ loadBalanceStrategy: 'fastest' }, 'loadBalanceStrategy'],
    [{ loadBalanceStrategy: {} }, 'loadBalanceStrategy'],
    [{ circuitBreakerErrorRatio: 2 }, 'circuitBreakerErrorRatio'],
    [{ outlierEjectionThreshold: NaN }, 'outlierEjectionThreshold'],
    [{ adaptiveConcurrency: true }, 'adaptiveConcurrency'],
    [{ adaptiveConcurrency: { minLimit: 0 } }, 'adaptiveConcurrency'],
    [{ adaptiveConcurrency: { limit: 5 } }, 'limit'],
    [{ reconnect: { attempts: 3 } }, 'attempts'],
  ])('%j is refused by its name', (options, name) => {
    expect(() => new AgentPool(options)).toThrow(coded('ERR_INVALID_ARGUMENT', name));
  });

  test('an unknown one lists those that there are', () => {
    expect(() => new AgentPool({ strategy: 'random' } as object)).toThrow(
      coded('ERR_INVALID_ARGUMENT', 'strategy', 'loadBalanceStrategy', 'connectionsPerAgent'),
    );
  });
});

describe('a head that cannot be sent', () => {
  test('begins no request: it is not remembered, and its id is free', async () => {
    const { pool, serve } = setup({ maxCorrelationAffinities: 3 });
    // an agent that is told of more than the head
    await serve('memory:a', () => ALLOW);
    await pool.addAgent('waf', 'memory:a');
    for (const id of ['1', '2', '3', '4']) {
      const wrong = { ...head(id), headers: undefined } as unknown as RequestHeaders;
      await expect(pool.request('waf', wrong)).rejects.toEqual(coded('ERR_INVALID_ARGUMENT', 'headers'));
    }
    expect(pool.stats.agents[0]?.liveRequests).toBe(0);
    expect(await pool.request('waf', head('4'))).toEqual(ALLOW);
    expect(pool.stats.agents[0]?.liveRequests).toBe(1);
    expect(pool.sendRequestComplete('waf', { ...END, id: '4' })).toBe(true);
    expect(pool.stats.agents[0]?.liveRequests).toBe(0);
  });
});

describe('agents', () => {
  test.each(['waf', 'waf.sock', '', 'unix:', 7])(
    'an endpoint of no known form (%j) lists the forms',
    async (endpoint) => {
      const { pool } = setup();
      const forms = typeof endpoint === 'string' ? ['unix:', 'grpc'] : [];
      await expect(pool.addAgent('waf', endpoint as string)).rejects.toMatchObject({
        code: expect.stringMatching(/^ERR_INVALID_(ADDRESS|ARGUMENT)$/),
        message: expect.stringMatching(forms.join('.*')),
      });
      expect(pool.has('waf')).toBe(false);
    },
  );

  test('an endpoint of a form that no transport serves lists those that the pool has', async () => {
    const { pool } = setup();
    await expect(pool.addAgent('waf', 'ftp://waf:21')).rejects.toEqual(
      coded('ERR_INVALID_ADDRESS', 'ftp://waf:21', 'memory', 'transports'),
    );
    expect(pool.has('waf')).toBe(false);
  });

  test('the same one twice is refused, and the first one goes on', async () => {
    const { pool, serve } = setup();
    await serve('memory:a', () => ALLOW, ONLY_HEADS);
    await pool.addAgent('waf', 'memory:a');
    await expect(pool.addAgent('waf', 'memory:b')).rejects.toEqual(coded('ERR_DUPLICATE_AGENT', 'waf'));
    expect(() => pool.addReverseAgent('waf')).toThrow(coded('ERR_DUPLICATE_AGENT', 'waf'));
    expect(await pool.request('waf', head(1))).toEqual(ALLOW);
    expect(pool.getHealth('waf').totalConnections).toBe(2);
  });

  test('an unknown one is refused by every method, with those that there are', async () => {
    const { pool, serve } = setup();
    await serve('memory:a', () => ALLOW, ONLY_HEADS);
    await pool.addAgent('waf', 'memory:a');
    const unknown = coded('ERR_UNKNOWN_AGENT', 'fraud', 'waf');
    await expect(pool.request('fraud', head(1))).rejects.toEqual(unknown);
    await expect(pool.decide('fraud', head(1))).rejects.toEqual(unknown);
    await expect(pool.removeAgent('fraud')).rejects.toEqual(unknown);
    expect(() => pool.getHealth('fraud')).toThrow(unknown);
    expect(() => pool.getConnectionHealth('fraud')).toThrow(unknown);
  });
});

describe('removing an agent in use', () => {
  test('ends what is in flight and what waits with a typed error, each once; a late decision reaches no request', async () => {
    const { pool, serve, clock } = setup({ connectionsPerAgent: 1, maxConcurrentPerConnection: 2 });
    const answers: ((decision: Decision) => void)[] = [];
    const listener = await serve(
      'memory:a',
      () => new Promise<Decision>((resolve) => answers.push(resolve)),
      ONLY_HEADS,
    );
    await pool.addAgent('waf', 'memory:a');
    const asked = [1, 2, 3, 4].map((id) => pool.request('waf', head(id)).catch(({ code }: AgentwireError) => code));
    const decided = pool.decide('waf', head(5));
    await settle();
    expect(pool.stats.agents[0]).toMatchObject({ inFlight: 2, queued: 3 });
    const removed = pool.removeAgent('waf');
    expect(pool.has('waf')).toBe(false);
    await expect(pool.request('waf', head(6))).rejects.toEqual(coded('ERR_UNKNOWN_AGENT', 'waf'));
    for (const answer of answers) answer(ALLOW);
    await settle();
    await removed;
    expect(await Promise.all(asked)).toEqual(Array(4).fill('ERR_CLOSED'));
    // the policy of a removed agent still decides on what it was asked: closed
    expect(await decided).toMatchObject({ verdict: { type: 'block', status: 503 } });
    expect(pool.stats.agents).toEqual([]);
    expect(listener.sessions.size).toBe(0);
    await pool.close();
    await listener.close();
    expect(clock.pendingTimers).toBe(0);
  });

  test('an agent of that name that is added at once gets none of the answers to the one before', async () => {
    const { pool, serve } = setup({ connectionsPerAgent: 1 });
    let late: (decision: Decision) => void = () => undefined;
    await serve('memory:old', () => new Promise<Decision>((resolve) => (late = resolve)), ONLY_HEADS);
    await serve('memory:new', never, ONLY_HEADS);
    await pool.addAgent('waf', 'memory:old');
    const old = pool.request('waf', head(1)).catch(({ code }: AgentwireError) => code);
    await settle();
    const removed = pool.removeAgent('waf');
    await pool.addAgent('waf', 'memory:new');
    let answered = false;
    const controller = new AbortController();
    const asked = pool.request('waf', head(1), { signal: controller.signal }).then(
      () => (answered = true),
      () => undefined,
    );
    late(ALLOW);
    await settle();
    await removed;
    expect(await old).toBe('ERR_CLOSED');
    expect(answered).toBe(false);
    controller.abort();
    await asked;
  });

  test('methods that end requests of an agent that was removed are typed errors', async () => {
    const { pool, serve } = setup();
    await serve('memory:a', never, ONLY_HEADS);
    await pool.addAgent('waf', 'memory:a');
    const asked = pool.request('waf', head(1)).catch(({ code }: AgentwireError) => code);
    await settle();
    await pool.removeAgent('waf');
    expect(await asked).toBe('ERR_CLOSED');
    const unknown = coded('ERR_UNKNOWN_AGENT', 'waf');
    await expect(pool.cancelRequest('waf', 1)).rejects.toEqual(unknown);
    await expect(pool.cancelAll('waf')).rejects.toEqual(unknown);
    const summary = { id: 1, status: 200, durationMs: 1, requestBodySize: 0, responseBodySize: 0, upstreamAttempts: 1 };
    expect(() => pool.sendRequestComplete('waf', summary)).toThrow(unknown);
  });
});

test('a pool that is closed or drained refuses agents and requests', async () => {
  for (const end of ['close', 'drain'] as const) {
    const { pool, serve } = setup();
    onTestFinished(() => pool.close());
    await serve('memory:a', () => ALLOW, ONLY_HEADS);
    await pool.addAgent('waf', 'memory:a');
    await pool[end]();
    await expect(pool.addAgent('fraud', 'memory:a')).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    await expect(pool.request('waf', head(1))).rejects.toMatchObject({ code: expect.stringMatching(/^ERR_/) });
  }
});
