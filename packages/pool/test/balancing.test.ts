import { ALLOW, type AgentwireError, type Decision, type MetricsReport } from '@agentwire/core';
import { INSTANCE_METRIC } from '@agentwire/core/internal';
import type { SessionListener } from '@agentwire/core/session';
import { createLinkedPair } from '@agentwire/core/testing';
import {
  AgentPool,
  type Candidate,
  consistentHash,
  healthBased,
  leastConnections,
  type LoadBalanceStrategy,
  powerOfTwo,
  random,
  roundRobin,
} from '@agentwire/pool';
import * as fc from 'fast-check';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { RUNS } from './runs.ts';
import { CAPABILITIES, head, settle, setup } from './setup.ts';

/** Numbers from 0 up to 1, the same ones each time (Park and Miller's generator). */
function numbers(seed = 1): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return (state - 1) / 2_147_483_646;
  };
}

const candidate = (id: number, more: Partial<Candidate> = {}): Candidate => ({
  id,
  pending: 0,
  successRate: 1,
  averageLatencyMs: 1,
  ...more,
});

/** Picks so many times. @returns how often each candidate was picked */
function counts(strategy: LoadBalanceStrategy, candidates: readonly Candidate[], times: number): number[] {
  const picked = new Map<Candidate, number>();
  for (let at = 0; at < times; at++) {
    const one = strategy.pick(candidates, head(at));
    picked.set(one, (picked.get(one) ?? 0) + 1);
  }
  return candidates.map((one) => picked.get(one) ?? 0);
}

/** Expects each count within 5 standard deviations of its share: one run in a million fails by chance, and the numbers are fixed. */
function expectShares(found: readonly number[], shares: readonly number[]): void {
  const total = found.reduce((sum, one) => sum + one, 0);
  for (const [at, share] of shares.entries()) {
    const deviation = Math.sqrt(total * share * (1 - share));
    expect(Math.abs((found[at] ?? 0) - total * share)).toBeLessThanOrEqual(5 * deviation + 1);
  }
}

const STRATEGIES = { roundRobin, leastConnections, random, powerOfTwo, healthBased, consistentHash } as const;

describe.each(Object.entries(STRATEGIES))('%s', (_, create) => {
  test('picks one of the candidates, whatever they are', () => {
    const anyCandidate = fc.record({
      id: fc.integer({ min: 1, max: 2000 }),
      pending: fc.nat(100),
      successRate: fc.double({ min: 0, max: 1, noNaN: true }),
      averageLatencyMs: fc.double({ min: 0, max: 1e6, noNaN: true }),
    });
    fc.assert(
      fc.property(fc.array(anyCandidate, { minLength: 1, maxLength: 20 }), fc.webUrl(), (candidates, uri) => {
        const strategy: LoadBalanceStrategy = create();
        for (let at = 0; at < 3; at++) expect(candidates).toContain(strategy.pick(candidates, head(at, uri)));
      }),
      { numRuns: Math.ceil(RUNS / 20) },
    );
  });
});

describe('shares of the stock strategies', () => {
  const four = [1, 2, 3, 4].map((id) => candidate(id));

  test('roundRobin gives equal turns, also when candidates come and go', () => {
    expect(counts(roundRobin(), four, 400)).toEqual([100, 100, 100, 100]);
    const strategy = roundRobin();
    counts(strategy, four, 3);
    expect(counts(strategy, four.slice(0, 2), 100)).toEqual([50, 50]);
  });

  test('leastConnections takes the one with the fewest unanswered events, ties in turn', () => {
    const busy = [3, 1, 2, 1].map((pending, at) => candidate(at + 1, { pending }));
    expect(counts(leastConnections(), busy, 400)).toEqual([0, 200, 0, 200]);
    expect(counts(leastConnections(), four, 400)).toEqual([100, 100, 100, 100]);
  });

  test('random is even', () => {
    expectShares(counts(random(numbers()), four, 20_000), [0.25, 0.25, 0.25, 0.25]);
  });

  test('powerOfTwo takes the less busy of two different ones: the busiest never, the idlest in half of all pairs', () => {
    const busy = [0, 1, 2, 3].map((pending, at) => candidate(at + 1, { pending }));
    expectShares(counts(powerOfTwo(numbers()), busy, 20_000), [1 / 2, 1 / 3, 1 / 6, 0]);
  });

  test('healthBased weighs by success rate and latency, and leaves none out', () => {
    const mixed = [
      candidate(1, { averageLatencyMs: 1 }),
      candidate(2, { averageLatencyMs: 2 }),
      candidate(3, { averageLatencyMs: 1, successRate: 0.5 }),
      candidate(4, { averageLatencyMs: 1, successRate: 0 }),
    ];
    const total = 1 + 0.5 + 0.25 + 0.01;
    expectShares(
      counts(healthBased(numbers()), mixed, 20_000),
      [1, 0.5, 0.25, 0.01].map((weight) => weight / total),
    );
  });

  test('healthBased takes a new connection for an average one, and none for worse than the others where all fail', () => {
    const fresh = [
      candidate(1, { averageLatencyMs: 2 }),
      candidate(2, { averageLatencyMs: 4 }),
      candidate(3, { averageLatencyMs: 0 }),
    ];
    const weights = [1 / 2, 1 / 4, 1 / 3];
    const total = weights.reduce((sum, one) => sum + one, 0);
    expectShares(
      counts(healthBased(numbers()), fresh, 20_000),
      weights.map((weight) => weight / total),
    );
    const failing = four.map((one) => ({ ...one, successRate: 0 }));
    for (const count of counts(healthBased(numbers()), failing, 400)) expect(count).toBeGreaterThanOrEqual(0);
  });
});

describe('consistentHash', () => {
  const byUri = consistentHash((event) => (event.type === 'requestHeaders' ? event.uri : undefined));
  const eight = Array.from({ length: 8 }, (_, at) => candidate(at + 1));
  const keys = Array.from({ length: 8_000 }, (_, at) => `/session/${at}`);

  test('spreads keys evenly and sends equal ones to the same connection', () => {
    const found = eight.map(() => 0);
    for (const key of keys) {
      const { id } = byUri.pick(eight, head(1, key));
      expect(byUri.pick(eight.toReversed(), head(2, key)).id).toBe(id);
      found[id - 1] = (found[id - 1] ?? 0) + 1;
    }
    expectShares(
      found,
      eight.map(() => 1 / 8),
    );
  });

  test('moves only the keys of a connection that is gone, and spreads them over the others', () => {
    const seven = eight.filter(({ id }) => id !== 3);
    const moved = new Map<number, number>();
    for (const key of keys) {
      const before = byUri.pick(eight, head(1, key)).id;
      const after = byUri.pick(seven, head(1, key)).id;
      if (before === 3) moved.set(after, (moved.get(after) ?? 0) + 1);
      else expect(after).toBe(before);
    }
    const counted = seven.map(({ id }) => moved.get(id) ?? 0);
    expectShares(
      counted,
      seven.map(() => 1 / 7),
    );
  });

  test('takes the one with the fewest unanswered events where an event has no key', () => {
    const busy = [candidate(1, { pending: 5 }), candidate(2)];
    const guardrail = { type: 'guardrailInspect', id: 1, inspectionType: 'pii_detection', content: 'x' } as never;
    expect(byUri.pick(busy, guardrail).id).toBe(2);
    expect(consistentHash().pick(busy, guardrail).id).toBe(2);
  });

  test('hashes the address of the client by default', () => {
    const by = consistentHash();
    const from = (clientIp: string) => ({ ...head(1), metadata: { ...head(1).metadata, clientIp } });
    const ids = new Set(Array.from({ length: 200 }, (_, at) => by.pick(eight, from(`10.0.0.${at}`)).id));
    expect(ids.size).toBe(8);
    expect(by.pick(eight, from('10.0.0.7')).id).toBe(by.pick(eight, from('10.0.0.7')).id);
  });
});

describe('leastConnections in a pool', () => {
  test('gives idle connections equal turns', async () => {
    const { pool, serve } = setup({ connectionsPerAgent: 4 });
    const listener = await serve('memory:a', () => ALLOW, { events: ['requestHeaders'] });
    await pool.addAgent('waf', 'memory:a');
    for (let id = 0; id < 40; id++) await pool.request('waf', head(id));
    expect([...listener.sessions].map(({ stats }) => stats.events)).toEqual([10, 10, 10, 10]);
  });

  test('spreads requests in flight evenly', async () => {
    const { pool, serve } = setup({ connectionsPerAgent: 4 });
    const listener = await serve('memory:a', () => new Promise(() => undefined), { events: ['requestHeaders'] });
    await pool.addAgent('waf', 'memory:a');
    const asked = Array.from({ length: 20 }, (_, id) => pool.request('waf', head(id)).catch(() => undefined));
    await settle();
    expect([...listener.sessions].map(({ inFlight }) => inFlight)).toEqual([5, 5, 5, 5]);
    await pool.cancelAll('waf');
    await Promise.all(asked);
  });

  test('begins anew when connections come and go', async () => {
    const pool = new AgentPool({ clock: setup().clock, circuitBreakerThreshold: 1_000 });
    onTestFinished(() => pool.close());
    pool.addReverseAgent('waf');
    const refused = { code: 'ERR_CONNECT' };
    const handler = { onMessage: () => undefined, onClose: () => undefined };
    const agent = { name: 'waf', capabilities: { ...CAPABILITIES, events: ['requestHeaders'] as const } };
    for (let round = 0; round < 3; round++) {
      await expect(pool.request('waf', head(1))).rejects.toMatchObject(refused);
      const pairs = [1, 2, 3].map(() =>
        createLinkedPair({ agent, onAgent: () => handler, onProxy: (connection) => pool.adopt(connection, 'waf') }),
      );
      const asked = [1, 2, 3, 4].map((id) => pool.request('waf', head(id)).catch(({ code }: AgentwireError) => code));
      expect(
        pool
          .getConnectionHealth('waf')
          .map(({ pending }) => pending)
          .toSorted((a, b) => a - b),
      ).toEqual([1, 1, 2]);
      for (const pair of pairs) pair.agent.abort();
      expect(new Set(await Promise.all(asked))).toEqual(new Set(['ERR_CLOSED']));
    }
  });
});

describe('connections to one process', () => {
  const events = { events: ['requestHeaders'] as const, metricsExport: true };
  const report = (instance?: string): MetricsReport => ({
    type: 'metricsReport',
    agentId: 'waf',
    timestampMs: 0,
    intervalMs: 10_000,
    counters: [],
    gauges: instance === undefined ? [] : [{ name: INSTANCE_METRIC, labels: { instance }, value: 1 }],
    histograms: [],
  });
  /** Makes each connection report its process. */
  async function tell(listener: SessionListener, instances: readonly (string | undefined)[]): Promise<void> {
    [...listener.sessions].forEach((session, at) => session.notify(report(instances[at])));
    await settle();
  }
  const inFlight = (listener: SessionListener): number[] => [...listener.sessions].map((session) => session.inFlight);

  async function asking(options: Parameters<typeof setup>[0], instances: readonly (string | undefined)[]) {
    const { pool, serve } = setup({ connectionsPerAgent: 4, ...options });
    const listener = await serve('memory:a', () => new Promise(() => undefined), events);
    await pool.addAgent('waf', 'memory:a');
    await tell(listener, instances);
    let id = 0;
    const asked: Promise<unknown>[] = [];
    onTestFinished(async () => {
      await pool.cancelAll('waf');
      await Promise.all(asked);
    });
    const ask = async (times: number): Promise<number[]> => {
      for (let at = 0; at < times; at++) asked.push(pool.request('waf', head((id += 1))).catch(() => undefined));
      await settle();
      return inFlight(listener);
    };
    return { listener, ask, pool };
  }

  test('are taken one after the other, each up to 64 unanswered events', async () => {
    const { ask } = await asking({}, ['a', 'a', 'a', 'a']);
    expect(await ask(64)).toEqual([64, 0, 0, 0]);
    expect(await ask(10)).toEqual([64, 10, 0, 0]);
    // past that the one with the fewest
    expect(await ask(3 * 64 - 10)).toEqual([64, 64, 64, 64]);
    expect(await ask(8)).toEqual([66, 66, 66, 66]);
  });

  test('are left to the strategy once one answers nothing for 20 ms, takes as long on average, or fails', async () => {
    const { pool, serve, clock } = setup({ connectionsPerAgent: 4, requestTimeoutMs: 1_000 });
    const waiting: ((decision: Decision) => void)[] = [];
    const listener = await serve('memory:a', () => new Promise((resolve) => waiting.push(resolve)), events);
    await pool.addAgent('waf', 'memory:a');
    await tell(listener, ['a', 'a', 'a', 'a']);
    const outcomes: unknown[] = [];
    let id = 0;
    const ask = async (times: number): Promise<number[]> => {
      for (let at = 0; at < times; at++)
        pool.request('waf', head((id += 1))).then(
          ({ verdict }) => outcomes.push(verdict.type),
          ({ code }: AgentwireError) => outcomes.push(code),
        );
      await settle();
      return inFlight(listener);
    };
    const answerAll = async (): Promise<void> => {
      for (const resolve of waiting.splice(0)) resolve(ALLOW);
      await settle();
    };
    expect(await ask(4)).toEqual([4, 0, 0, 0]);
    clock.advance(19);
    expect(await ask(1)).toEqual([5, 0, 0, 0]);
    clock.advance(1);
    // it has been silent for 20 ms
    expect(await ask(6)).toEqual([5, 6, 0, 0]);
    clock.advance(20);
    await answerAll();
    // the answers of both took 20 ms on average
    expect(await ask(3)).toEqual([0, 0, 3, 0]);
    clock.advance(1_000);
    await settle();
    expect(outcomes.slice(11)).toEqual(['ERR_TIMEOUT', 'ERR_TIMEOUT', 'ERR_TIMEOUT']);
    // a connection whose last outcome was a failure
    expect(await ask(3)).toEqual([0, 0, 3, 3]);
    await answerAll();
  });

  test('are not taken past maxConcurrentPerConnection', async () => {
    const { ask } = await asking({ maxConcurrentPerConnection: 3 }, ['a', 'a', 'a', 'a']);
    expect(await ask(7)).toEqual([3, 3, 1, 0]);
  });

  test.each<[string, (string | undefined)[]]>([
    ['leads to another process', ['a', 'a', 'b', 'a']],
    ['does not tell its process', ['a', 'a', undefined, 'a']],
    ['tells no name', ['a', 'a', '', 'a']],
  ])('are told from those of which one %s', async (_, instances) => {
    const { ask } = await asking({}, instances);
    expect(await ask(20)).toEqual([5, 5, 5, 5]);
  });

  test('are found when they tell it later, and when one of another process ends', async () => {
    const { ask, listener, pool } = await asking({ reconnect: { initialMs: 60_000 } }, ['a', undefined, 'b', 'a']);
    expect(await ask(4)).toEqual([1, 1, 1, 1]);
    await tell(listener, ['a', 'a', 'b', 'a']);
    expect(await ask(4)).toEqual([2, 2, 2, 2]);
    await [...listener.sessions][2]?.close();
    await settle();
    expect(pool.stats.agents[0]?.connections).toBe(3);
    expect(await ask(10)).toEqual([12, 2, 2]);
    await tell(listener, ['a', 'c', 'a']);
    expect(await ask(10)).toEqual([12, 7, 7]);
  });

  test.each(['roundRobin', 'random', 'powerOfTwo', 'healthBased', leastConnections()] as const)(
    'are left to the strategy where it is not the default: %s',
    async (loadBalanceStrategy) => {
      const { ask } = await asking({ loadBalanceStrategy }, ['a', 'a', 'a', 'a']);
      const shares = await ask(40);
      expect(Math.max(...shares)).toBeLessThan(40);
    },
  );
});

describe('a strategy of the user', () => {
  test('that prefers one of all connections is asked to pick where that one cannot take the request', async () => {
    let picks = 0;
    const strategy: LoadBalanceStrategy = {
      prefer: (all) => all[0],
      pick(candidates) {
        picks += 1;
        return candidates[0]!;
      },
    };
    const { pool, serve } = setup({ loadBalanceStrategy: strategy, maxConcurrentPerConnection: 2 });
    await serve('memory:a', () => new Promise(() => undefined), { events: ['requestHeaders'] });
    await pool.addAgent('waf', 'memory:a');
    const asked = [1, 2].map((id) => pool.request('waf', head(id)).catch(() => undefined));
    expect([picks, pool.stats.agents[0]?.inFlight]).toEqual([0, 2]);
    asked.push(pool.request('waf', head(3)).catch(() => undefined));
    expect([picks, pool.stats.agents[0]?.inFlight]).toEqual([0, 3]);
    await pool.cancelAll('waf');
    await Promise.all(asked);
  });

  test.each<[string, LoadBalanceStrategy['prefer']]>([
    [
      'throws',
      () => {
        throw new Error('broken');
      },
    ],
    ['gives something else', () => ({ id: 7 }) as never],
    ['gives nothing', () => undefined],
  ])('whose preference %s is asked to pick', async (_what, prefer) => {
    let picks = 0;
    const pick: LoadBalanceStrategy['pick'] = (candidates) => {
      picks += 1;
      return candidates[0]!;
    };
    const { pool, serve } = setup({ loadBalanceStrategy: { pick, prefer: prefer as never } });
    await serve('memory:a', () => ({ verdict: { type: 'allow' } }), { events: ['requestHeaders'] });
    await pool.addAgent('waf', 'memory:a');
    for (const id of [1, 2]) await pool.request('waf', head(id));
    expect(picks).toBe(2);
  });

  test('is an object with one method, which gets the candidates and the first event', async () => {
    const seen: string[] = [];
    const strategy: LoadBalanceStrategy = {
      pick(candidates, event) {
        seen.push(`${candidates.length} ${event.type}`);
        return candidates.at(-1) ?? candidates[0]!;
      },
    };
    const { pool, serve } = setup({ loadBalanceStrategy: strategy });
    const listener = await serve('memory:a', () => ALLOW, { events: ['requestHeaders'] });
    await pool.addAgent('waf', 'memory:a');
    for (let id = 0; id < 5; id++) await pool.request('waf', head(id));
    expect([...listener.sessions].map(({ stats }) => stats.events)).toEqual([0, 5]);
    expect(seen).toEqual(Array(5).fill('2 requestHeaders'));
  });

  test('is asked once per agent for the object that serves it', async () => {
    const made: LoadBalanceStrategy[] = [];
    const strategy: LoadBalanceStrategy = {
      pick: (candidates) => candidates[0]!,
      forAgent() {
        made.push(roundRobin());
        return made.at(-1)!;
      },
    };
    const { pool, serve } = setup({ loadBalanceStrategy: strategy });
    await serve('memory:a', () => ALLOW);
    await pool.addAgent('a', 'memory:a');
    await pool.addAgent('b', 'memory:a');
    expect(made).toHaveLength(2);
  });

  test.each<[string, LoadBalanceStrategy]>([
    [
      'throws',
      {
        pick() {
          throw new Error('a bug');
        },
      },
    ],
    ['returns nothing', { pick: () => undefined as never }],
    ['returns another object', { pick: () => ({ pending: 0 }) as never }],
  ])('that %s costs no request, and is logged', async (_, strategy) => {
    const log = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() };
    const { pool, serve } = setup({ loadBalanceStrategy: strategy, logger: log });
    await serve('memory:a', () => ALLOW, { events: ['requestHeaders'] });
    await pool.addAgent('waf', 'memory:a');
    expect(await pool.request('waf', head(1))).toEqual(ALLOW);
    await settle();
    expect(log.error.mock.calls.map(([, text]) => String(text))).toEqual([
      expect.stringMatching(/^loadBalanceStrategy (threw|returned none of its candidates)/),
    ]);
  });

  test.each<[string, unknown]>([
    ['forAgent throws', { pick: () => undefined, forAgent: () => JSON.parse('{') as never }],
    ['forAgent returns no strategy', { pick: () => undefined, forAgent: () => ({}) }],
  ])('whose %s is an error of addAgent', async (_, strategy) => {
    const { pool, serve } = setup({ loadBalanceStrategy: strategy as LoadBalanceStrategy });
    await serve('memory:a', () => ALLOW);
    await expect(pool.addAgent('waf', 'memory:a')).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
    expect(pool.has('waf')).toBe(false);
  });
});
