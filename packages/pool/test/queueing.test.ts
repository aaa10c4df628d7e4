import { ALLOW, type Decision, type ProxyEvent } from '@agentwire/core';
import type { SessionListener } from '@agentwire/core/session';
import { describe, expect, test } from 'vitest';
import { head, settle, setup } from './setup.ts';

/** An agent whose answers the test gives one by one. */
function manual(): {
  answers: ((decision: Decision) => void)[];
  events: ProxyEvent[];
  onEvent: (event: ProxyEvent) => Promise<Decision>;
} {
  const answers: ((decision: Decision) => void)[] = [];
  const events: ProxyEvent[] = [];
  const onEvent = (event: ProxyEvent): Promise<Decision> => {
    events.push(event);
    return new Promise((resolve) => answers.push(resolve));
  };
  return { answers, events, onEvent };
}

const code = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'answered',
    (error: { code: string }) => error.code,
  );

const ONLY_HEADS = { events: ['requestHeaders' as const] };

function pauser(listener: SessionListener): (action: 'pause' | 'resume', which?: number) => void {
  return (action, which = 0) => {
    [...listener.sessions][which]?.notify({ type: 'flowControl', action });
  };
}

describe('the request queue', () => {
  test('one free slot dequeues one request, not all', async () => {
    const { pool, serve } = setup({ connectionsPerAgent: 1, maxConcurrentPerConnection: 1 });
    const agent = manual();
    await serve('memory:a', agent.onEvent, ONLY_HEADS);
    await pool.addAgent('waf', 'memory:a');
    const all = Array.from({ length: 5 }, (_, i) => pool.request('waf', head(i)));
    for (let answered = 0; answered < 5; answered++) {
      await settle();
      expect(agent.events).toHaveLength(answered + 1);
      expect(pool.stats.agents[0]).toMatchObject({ inFlight: 1, queued: 4 - answered });
      agent.answers[answered]?.(ALLOW);
    }
    expect(await Promise.all(all)).toHaveLength(5);
    expect(agent.events.map(({ id }) => id)).toHaveLength(5);
  });

  test('a connection that dies is not given to queued requests while another is there', async () => {
    const { pool, serve } = setup({ connectionsPerAgent: 2, maxConcurrentPerConnection: 1 });
    const agent = manual();
    const listener = await serve('memory:a', agent.onEvent, ONLY_HEADS);
    await pool.addAgent('waf', 'memory:a');
    const first = [0, 1].map((id) => code(pool.request('waf', head(id))));
    await settle();
    const third = code(pool.request('waf', head(2)));
    [...listener.sessions][0]?.connection.abort();
    await settle();
    expect(pool.stats.agents[0]).toMatchObject({ inFlight: 1, queued: 1 });
    for (const answer of agent.answers) answer(ALLOW);
    await settle();
    for (const answer of agent.answers) answer(ALLOW);
    expect((await Promise.all(first)).toSorted()).toEqual(['ERR_CLOSED', 'answered']);
    expect(await third).toBe('answered');
  });

  test('when the last connection dies queued requests do not wait for their deadline', async () => {
    const { pool, serve } = setup({ connectionsPerAgent: 1, maxConcurrentPerConnection: 1 });
    const agent = manual();
    const listener = await serve('memory:a', agent.onEvent, ONLY_HEADS);
    await pool.addAgent('waf', 'memory:a');
    const all = [0, 1].map((id) => code(pool.request('waf', head(id))));
    await settle();
    await listener.close();
    expect(await Promise.all(all)).toEqual(['ERR_CLOSED', 'ERR_CONNECT']);
  });

  test('a pause that ends dequeues requests at once', async () => {
    const { pool, serve } = setup({ connectionsPerAgent: 2, maxConcurrentPerConnection: 1 });
    const agent = manual();
    const listener = await serve('memory:a', agent.onEvent, ONLY_HEADS);
    await pool.addAgent('waf', 'memory:a');
    const say = pauser(listener);
    say('pause');
    await settle();
    void pool.request('waf', head(0));
    const second = code(pool.request('waf', head(1)));
    await settle();
    expect(pool.stats.agents[0]).toMatchObject({ inFlight: 1, queued: 1 });
    say('resume');
    await settle();
    expect(pool.stats.agents[0]).toMatchObject({ inFlight: 2, queued: 0 });
    for (const answer of agent.answers) answer(ALLOW);
    expect(await second).toBe('answered');
  });

  test('an id is queued once, and cancelRequest, cancelAll and complete find it', async () => {
    const { pool, serve } = setup({ connectionsPerAgent: 1, maxConcurrentPerConnection: 1 });
    const agent = manual();
    await serve('memory:a', agent.onEvent);
    await pool.addAgent('waf', 'memory:a');
    void pool.request('waf', head(0)).catch(() => undefined);
    const [one, again] = [code(pool.request('waf', head(1))), code(pool.request('waf', head(1)))];
    expect(await again).toBe('ERR_DUPLICATE_REQUEST');
    expect(await pool.cancelRequest('waf', 1)).toEqual({ live: 0, queued: 1, unanswered: 0 });
    expect(await one).toBe('ERR_ABORTED');
    const two = code(pool.request('waf', head(2)));
    const sizes = { requestBodySize: 0, responseBodySize: 0, upstreamAttempts: 0 };
    expect(pool.sendRequestComplete('waf', { id: 2, status: 499, durationMs: 1, ...sizes })).toBe(false);
    expect(await two).toBe('ERR_ABORTED');
    const three = code(pool.request('waf', head(3)));
    expect(await pool.cancelAll('waf')).toEqual({ live: 1, queued: 1, unanswered: 1 });
    expect(await three).toBe('ERR_ABORTED');
    await settle();
    expect(agent.events).toHaveLength(1);
    expect(pool.stats.agents[0]).toMatchObject({ inFlight: 0, queued: 0, liveRequests: 0 });
  });

  test('the deadline counts from the call, the time in the line included', async () => {
    const { pool, serve, clock } = setup({ connectionsPerAgent: 1, maxConcurrentPerConnection: 1 });
    const agent = manual();
    await serve('memory:a', agent.onEvent, ONLY_HEADS);
    await pool.addAgent('waf', 'memory:a');
    const first = pool.request('waf', head(0));
    const second = code(pool.request('waf', head(1), { timeoutMs: 1_000 }));
    await settle();
    clock.advance(900);
    agent.answers[0]?.(ALLOW);
    await first;
    await settle();
    expect(agent.events).toHaveLength(2);
    clock.advance(120);
    expect(await second).toBe('ERR_TIMEOUT');
  });

  test('drain serves queued requests too, and refuses later ones with ERR_DRAINING', async () => {
    const { pool, serve } = setup({ connectionsPerAgent: 1, maxConcurrentPerConnection: 1 });
    const agent = manual();
    await serve('memory:a', agent.onEvent, ONLY_HEADS);
    await pool.addAgent('waf', 'memory:a');
    const all = [0, 1, 2].map((id) => code(pool.request('waf', head(id))));
    await settle();
    const drained = pool.drain();
    expect(await code(pool.request('waf', head(9)))).toBe('ERR_DRAINING');
    for (let i = 0; i < 3; i++) {
      agent.answers[i]?.(ALLOW);
      await settle();
    }
    expect(await Promise.all(all)).toEqual(['answered', 'answered', 'answered']);
    await drained;
  });

  test('a drain that takes too long rejects what is still queued', async () => {
    const { pool, serve, clock } = setup({
      connectionsPerAgent: 1,
      maxConcurrentPerConnection: 1,
      drainTimeoutMs: 1_000,
    });
    await serve('memory:a', manual().onEvent, ONLY_HEADS);
    await pool.addAgent('waf', 'memory:a');
    const all = [0, 1].map((id) => code(pool.request('waf', head(id))));
    await settle();
    const drained = pool.drain();
    clock.advance(1_000);
    await settle();
    clock.advance(10);
    await drained;
    expect(await Promise.all(all)).toEqual(['ERR_CLOSED', 'ERR_CLOSED']);
    expect(clock.pendingTimers).toBe(0);
  });
});
