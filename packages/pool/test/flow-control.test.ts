import { ALLOW, type Decision } from '@agentwire/core';
import type { AgentSession } from '@agentwire/core/session';
import type { ManualClock } from '@agentwire/core/testing';
import { describe, expect, test } from 'vitest';
import type { AgentPool, AgentPoolOptions, FailurePolicy } from '@agentwire/pool';
import { head, settle, setup } from './setup.ts';

const codeOf = (asked: Promise<Decision>): Promise<string> =>
  asked.then(
    ({ verdict }) => verdict.type,
    (error: unknown) => (error as { code: string }).code,
  );

/** A pool with one agent that allows everything, and lines and counts of what the pool did. */
async function paused(options: Partial<AgentPoolOptions> = {}, onFailure?: FailurePolicy) {
  const lines: string[] = [];
  const counted: string[] = [];
  const gauges = new Map<string, number>();
  const logger = { debug: () => undefined, info: () => undefined, error: () => undefined };
  const made = setup({
    ...options,
    reconnect: { initialMs: 1, maxMs: 1, jitter: 0 },
    logger: { ...logger, warn: (_: unknown, message?: string) => void lines.push(message ?? '') },
    metrics: {
      count: (name, labels) => void counted.push(`${name} ${Object.values(labels).join(' ')}`),
      gauge: (name, _, value) => void gauges.set(name, value),
      observe: () => undefined,
    },
  });
  const events: unknown[] = [];
  const { sessions } = await made.serve('memory:a', (event) => (events.push(event.id), ALLOW));
  await made.pool.addAgent('waf', 'memory:a', onFailure === undefined ? {} : { onFailure });
  const say = async (action: 'pause' | 'resume', which: Iterable<AgentSession> = sessions): Promise<void> => {
    for (const session of which) session.notify({ type: 'flowControl', action });
    await settle();
  };
  await say('pause');
  return { ...made, sessions, say, lines, counted, gauges, events };
}

/** Lets time pass in steps, so that pings are answered. */
async function pass(clock: ManualClock, seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second += 1) {
    clock.advance(1_000);
    await settle(3);
  }
}

const stats = (pool: AgentPool) => pool.stats.agents[0];

describe('flow-control modes', () => {
  test('failClosed fails a request at once, and the failure policy decides', async () => {
    const { pool, events, gauges } = await paused();
    expect(await codeOf(pool.request('waf', head(1)))).toBe('ERR_FLOW_PAUSED');
    expect(await pool.decide('waf', head(2))).toMatchObject({
      verdict: { type: 'block', status: 503 },
      audit: { tags: ['agentwire:fail-closed'], custom: { kind: 'flow_paused' } },
    });
    expect(events).toEqual([]);
    expect([stats(pool)?.paused, gauges.get('agent_flow_paused')]).toEqual([2, 2]);
  });

  test('failOpen allows it without asking: in the audit, a counter and a log line', async () => {
    const { pool, events, lines, counted } = await paused({ flowControlMode: 'failOpen' });
    const open = {
      verdict: { type: 'allow' },
      audit: { tags: ['agentwire:fail-open'], custom: { kind: 'flow_paused' } },
    };
    expect(await pool.decide('waf', head(1))).toMatchObject(open);
    expect(await pool.sendRequestHeaders('waf', head(2))).toMatchObject(open);
    expect(events).toEqual([]);
    expect(counted).toEqual(Array.from({ length: 2 }, () => 'agent_failures_total waf open flow_paused'));
    expect(lines).toContain('an agent could not decide; its failure policy did');
    expect(stats(pool)?.failures).toBe(2);
    const inspection = { id: 3, inspectionType: 'pii_detection', content: 'a', categories: [], metadata: {} } as const;
    expect(await codeOf(pool.sendGuardrailInspect('waf', inspection))).not.toBe('allow');
  });

  test.each<[string, FailurePolicy, string]>([
    ['closed', 'closed', 'block'],
    ['a rule for the kind', { flow_paused: 'closed' }, 'block'],
    ['a rule for the rest', { default: 'closed' }, 'block'],
    ['rules for other kinds', { timeout: 'closed' }, 'allow'],
    ['open', 'open', 'allow'],
  ])(
    'an agent whose onFailure is %s is decided by that, not by failOpen, where it speaks of pauses',
    async (_, policy, verdict) => {
      const { pool } = await paused({ flowControlMode: 'failOpen' }, policy);
      expect((await pool.decide('waf', head(1))).verdict.type).toBe(verdict);
    },
  );

  test('waitAndRetry waits for the agent to resume, as long as flowControlWaitTimeoutMs says', async () => {
    const { pool, clock, say, events } = await paused({
      flowControlMode: 'waitAndRetry',
      flowControlWaitTimeoutMs: 100,
    });
    const late = codeOf(pool.request('waf', head(1)));
    clock.advance(60);
    const [soon, decided] = [codeOf(pool.request('waf', head(2))), pool.decide('waf', head(3))];
    expect(stats(pool)?.queued).toBe(3);
    clock.advance(40);
    expect(await late).toBe('ERR_FLOW_PAUSED');
    expect(events).toEqual([]);
    await say('resume');
    expect([await soon, (await decided).verdict.type]).toEqual(['allow', 'allow']);
    expect([events.length, stats(pool)?.queued]).toEqual([2, 0]);
  });

  test('a request whose own timeout is shorter does not wait longer, and one in the queue when the pause begins neither', async () => {
    const { pool, clock, say, serve } = await paused({ flowControlMode: 'waitAndRetry' });
    const hurried = codeOf(pool.request('waf', head(1), { timeoutMs: 20 }));
    clock.advance(20);
    expect(await hurried).toBe('ERR_TIMEOUT');
    await say('resume');
    const { sessions } = await serve('memory:busy', () => new Promise<Decision>(() => undefined), {
      maxConcurrentRequests: 1,
    });
    await pool.addAgent('busy', 'memory:busy');
    const asked = [1, 2, 3].map((id) => codeOf(pool.request('busy', head(id))));
    expect(pool.stats.agents[1]).toMatchObject({ inFlight: 2, queued: 1 });
    await say('pause', sessions);
    clock.advance(100);
    expect(await asked[2]).toBe('ERR_FLOW_PAUSED');
    await pool.cancelAll('busy');
    expect(await Promise.all(asked)).toEqual(['ERR_ABORTED', 'ERR_ABORTED', 'ERR_FLOW_PAUSED']);
  });

  test('a request that waited for a pause waits on for a busy connection', async () => {
    const { pool, clock, serve, say } = await paused({ flowControlMode: 'waitAndRetry', connectionsPerAgent: 1 });
    const answers: (() => void)[] = [];
    const busy = await serve(
      'memory:busy',
      () => new Promise<Decision>((resolve) => answers.push(() => resolve(ALLOW))),
      { maxConcurrentRequests: 1 },
    );
    await pool.addAgent('busy', 'memory:busy');
    await say('pause', busy.sessions);
    const [first, second] = [codeOf(pool.request('busy', head(1))), codeOf(pool.request('busy', head(2)))];
    await say('resume', busy.sessions);
    clock.advance(1_000);
    await settle();
    answers[0]?.();
    expect(await first).toBe('allow');
    await settle();
    answers[1]?.();
    expect(await second).toBe('allow');
  });

  test('a pause and its end have their effect at once: not a millisecond passes on the clock', async () => {
    const { pool, clock, sessions, say, events } = await paused({ loadBalanceStrategy: 'roundRobin' });
    await say('resume');
    const since = clock.now();
    for (let round = 0; round < 10; round += 1) {
      expect(await codeOf(pool.request('waf', head(`${round} before`), { only: true }))).toBe('allow');
      for (const session of sessions) session.notify({ type: 'flowControl', action: 'pause' });
      await settle(1);
      const seen = events.length;
      expect(await codeOf(pool.request('waf', head(`${round} in it`), { only: true }))).toBe('ERR_FLOW_PAUSED');
      for (const session of sessions) session.notify({ type: 'flowControl', action: 'resume' });
      await settle(1);
      expect(await codeOf(pool.request('waf', head(`${round} after`), { only: true }))).toBe('allow');
      expect(events.slice(seen)).toHaveLength(1);
    }
    expect(clock.now() - since).toBe(0);
  });

  test('one paused connection of two gets nothing new, and what it was asked before is answered', async () => {
    const { pool, say, sessions, events } = await paused();
    const [one, two] = [...sessions];
    await say('resume');
    const seen = events.length;
    if (one === undefined || two === undefined) throw new Error('two sessions expected');
    await say('pause', [one]);
    const asked = await Promise.all(
      Array.from({ length: 20 }, (_, id) => codeOf(pool.request('waf', head(id), { only: true }))),
    );
    expect(new Set(asked)).toEqual(new Set(['allow']));
    expect(events.length - seen).toBe(20);
    expect(pool.getHealth('waf')).toMatchObject({ state: 'healthy', totalConnections: 2, healthyConnections: 1 });
  });
});

describe('lease of a pause', () => {
  test('a pause that is renewed holds; one that is not is ended by a new connection, and the agent is unhealthy until it answers', async () => {
    const { pool, clock, say, sessions, lines } = await paused({ connectionsPerAgent: 1 });
    const [first] = [...sessions];
    await pass(clock, 29);
    await say('pause');
    await pass(clock, 29);
    expect([pool.getHealth('waf').state, stats(pool)?.paused, sessions.size]).toEqual(['healthy', 1, 1]);
    await pass(clock, 1);
    expect(lines.filter((line) => line.includes('did not renew the pause'))).toHaveLength(1);
    expect(pool.getHealth('waf').state).toBe('unhealthy');
    expect(first?.connection.status).not.toBe('open');
    expect([stats(pool)?.connections, stats(pool)?.paused]).toEqual([1, 0]);
    expect(await codeOf(pool.request('waf', head(1)))).toBe('allow');
    expect(pool.getHealth('waf').state).toBe('healthy');
  });

  test('an agent that pauses every new connection and never renews stays unhealthy, and is dialled again every 30 s', async () => {
    const { pool, clock, say, lines } = await paused({ connectionsPerAgent: 1 });
    for (let times = 1; times <= 3; times += 1) {
      await pass(clock, 30);
      await say('pause');
      expect(pool.getHealth('waf')).toMatchObject({ state: 'unhealthy', healthyConnections: 0 });
      expect(lines.filter((line) => line.includes('did not renew the pause')).length).toBeGreaterThan(0);
    }
    await say('resume');
    expect(pool.getHealth('waf').state).toBe('healthy');
    expect(await codeOf(pool.request('waf', head(1)))).toBe('allow');
  });

  test('requests in flight on a connection whose pause expired are answered there', async () => {
    const { pool, clock, serve, say } = await paused();
    let answer: (() => void) | undefined;
    const slow = await serve('memory:slow', (event) =>
      event.id === undefined ? ALLOW : new Promise<Decision>((resolve) => (answer = () => resolve(ALLOW))),
    );
    await pool.addAgent('slow', 'memory:slow');
    const asked = codeOf(pool.request('slow', head(1), { timeoutMs: 3_600_000 }));
    await settle();
    await say('pause', slow.sessions);
    await pass(clock, 30);
    expect(pool.stats.agents[1]).toMatchObject({ connections: 2, paused: 0, inFlight: 1 });
    answer?.();
    expect(await asked).toBe('allow');
  });

  test('a connection that ends while it is paused leaves no timer', async () => {
    const { pool, clock, lines } = await paused();
    await pool.removeAgent('waf');
    await pass(clock, 60);
    expect(lines.filter((line) => line.includes('renew'))).toEqual([]);
  });
});
