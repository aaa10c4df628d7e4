import { ALLOW, type Decision, type ProxyEvent } from '@agentwire/core';
import { describe, expect, test } from 'vitest';
import { settle, setup } from './setup.ts';

const UPDATE = { config: { rules: [] }, version: 'v1' };
const CONFIGURABLE = { configPush: true, events: ['requestHeaders', 'configure'] } as const;

/** An agent that keeps every configuration until it is told what to answer. */
function holding() {
  const got: { readonly version: string | undefined; answer(decision?: Decision): void }[] = [];
  return {
    got,
    onEvent: (event: ProxyEvent): Decision | Promise<Decision> =>
      event.type === 'configure'
        ? new Promise((resolve) => {
            got.push({ version: event.configVersion, answer: (decision = ALLOW) => resolve(decision) });
          })
        : ALLOW,
  };
}
const REFUSED: Decision = { verdict: { type: 'block', status: 500, body: 'no' } };

describe('pushConfig', () => {
  test('one refusal makes the push not accepted, and connections that come later keep the configuration before', async () => {
    const { pool, serve } = setup({ reconnect: { initialMs: 1, maxMs: 1, jitter: 0 } });
    const agent = holding();
    const { sessions } = await serve('memory:a', agent.onEvent, CONFIGURABLE);
    await pool.addAgent('a', 'memory:a');
    const pushing = pool.pushConfig('a', UPDATE);
    await settle();
    agent.got[0]?.answer();
    agent.got[1]?.answer(REFUSED);
    expect(await pushing).toMatchObject({
      accepted: false,
      version: 'v1',
      instances: [
        { connection: 1, outcome: 'accepted' },
        { connection: 2, outcome: 'refused', reason: 'no' },
      ],
    });
    expect(pool.stats.agents[0]?.configVersion).toBeUndefined();
    expect([...sessions]).toHaveLength(2);
  });

  test('the deadline holds for the push, and one that does not answer does not hide who did', async () => {
    const { pool, clock, serve } = setup();
    const agent = holding();
    await serve('memory:a', agent.onEvent, CONFIGURABLE);
    await pool.addAgent('a', 'memory:a');
    const pushing = pool.pushConfig('a', UPDATE, { timeoutMs: 1_000 });
    await settle();
    agent.got[0]?.answer();
    await settle();
    clock.advance(1_000);
    expect(await pushing).toMatchObject({
      accepted: false,
      instances: [{ outcome: 'accepted' }, { outcome: 'failed', error: { code: 'ERR_TIMEOUT' }, durationMs: 1_000 }],
    });
    // one process has it, so the next session gets it too
    expect(pool.stats.agents[0]?.configVersion).toBe('v1');
    const silent = pool.pushConfig('a', { ...UPDATE, version: 'v2' }, { timeoutMs: 1_000 });
    await settle();
    clock.advance(1_000);
    await expect(silent).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
  });

  test('pushes to one agent run one after the other, within their own deadlines, and at most 16 wait', async () => {
    const { pool, clock, serve } = setup({ connectionsPerAgent: 1 });
    const agent = holding();
    await serve('memory:a', agent.onEvent, CONFIGURABLE);
    await pool.addAgent('a', 'memory:a');
    const first = pool.pushConfig('a', UPDATE);
    const second = pool.pushConfig('a', { ...UPDATE, version: 'v2' }, { timeoutMs: 10 });
    const third = pool.pushConfig('a', { ...UPDATE, version: 'v3' });
    await settle();
    expect(agent.got.map(({ version }) => version)).toEqual(['v1']);
    clock.advance(10);
    await expect(second).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
    agent.got[0]?.answer();
    expect((await first).accepted).toBe(true);
    await settle();
    expect(agent.got.at(-1)?.version).toBe('v3');
    const waiting = Array.from({ length: 16 }, () => pool.pushConfig('a', UPDATE).catch((error: unknown) => error));
    expect(await waiting.at(-1)).toMatchObject({ code: 'ERR_OVERLOADED' });
    agent.got.at(-1)?.answer();
    expect((await third).accepted).toBe(true);
  });

  test('a connection that comes while a configuration is sent gets it once it is accepted', async () => {
    const { pool, clock, serve } = setup({ connectionsPerAgent: 1 });
    const agent = holding();
    const { sessions } = await serve('memory:a', agent.onEvent, CONFIGURABLE);
    await pool.addAgent('a', 'memory:a');
    clock.advance(5_000);
    const pushing = pool.pushConfig('a', UPDATE);
    await settle();
    for (const session of sessions) session.notify({ type: 'drain' });
    await settle();
    expect([agent.got.length, sessions.size, pool.stats.agents[0]?.connections]).toEqual([1, 2, 1]);
    agent.got[0]?.answer();
    expect((await pushing).accepted).toBe(true);
    await settle();
    expect(agent.got.map(({ version }) => version)).toEqual(['v1', 'v1']);
  });

  test('a connection that comes while a later configuration is sent, and gets the one before, gets the later one too', async () => {
    const { pool, clock, serve } = setup({ connectionsPerAgent: 1 });
    const agent = holding();
    const { sessions } = await serve('memory:a', agent.onEvent, CONFIGURABLE);
    await pool.addAgent('a', 'memory:a');
    clock.advance(5_000);
    const first = pool.pushConfig('a', UPDATE);
    await settle();
    agent.got[0]?.answer();
    await first;
    const second = pool.pushConfig('a', { ...UPDATE, version: 'v2' });
    await settle();
    for (const session of sessions) session.notify({ type: 'drain' });
    await settle();
    // the one before, on the new connection
    agent.got[2]?.answer();
    await settle();
    agent.got[1]?.answer();
    expect((await second).accepted).toBe(true);
    await settle();
    expect(agent.got.map(({ version }) => version)).toEqual(['v1', 'v2', 'v1', 'v2']);
  });

  test('a configuration passes a paused agent and a full queue, not one that is not there or is being drained', async () => {
    const { pool, clock, serve } = setup({ connectionsPerAgent: 1, maxQueuedPerAgent: 0 });
    const agent = holding();
    const { sessions } = await serve('memory:a', agent.onEvent, CONFIGURABLE);
    pool.addReverseAgent('gone');
    await expect(pool.pushConfig('gone', UPDATE)).rejects.toMatchObject({ code: 'ERR_CONNECT' });
    await pool.addAgent('a', 'memory:a');
    for (const session of sessions) session.notify({ type: 'flowControl', action: 'pause' });
    await settle();
    const pushing = pool.pushConfig('a', UPDATE);
    await settle();
    const draining = pool.drain();
    await expect(pool.pushConfig('a', UPDATE)).rejects.toMatchObject({ code: 'ERR_DRAINING' });
    agent.got[0]?.answer();
    expect((await pushing).accepted).toBe(true);
    clock.advance(30_000);
    await draining;
    await expect(pool.pushConfig('a', UPDATE)).rejects.toMatchObject({ code: 'ERR_UNKNOWN_AGENT' });
  });

  test('a removed agent ends its pushes with ERR_CLOSED, and a signal with ERR_ABORTED', async () => {
    const { pool, serve } = setup();
    await serve('memory:a', holding().onEvent, CONFIGURABLE);
    await pool.addAgent('a', 'memory:a');
    const abort = new AbortController();
    const aborted = pool.pushConfig('a', UPDATE, { signal: abort.signal });
    await settle();
    abort.abort();
    await expect(aborted).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    const pushing = pool.pushConfig('a', UPDATE);
    await settle();
    await Promise.all([pool.removeAgent('a'), expect(pushing).rejects.toMatchObject({ code: 'ERR_CLOSED' })]);
  });

  test.each<[string, unknown, unknown]>([
    ['no version', { config: {} }, undefined],
    ['no config', { version: 'a' }, undefined],
    ['an unknown member', { ...UPDATE, configVersion: 'a' }, undefined],
    ['a function as configuration', { version: 'a', config: () => 1 }, undefined],
    ['an unknown option', UPDATE, { timeout: 1 }],
    ['a wrong timeout', UPDATE, { timeoutMs: '1' }],
    ['a wrong signal', UPDATE, { signal: {} }],
  ])('%s is ERR_INVALID_ARGUMENT', async (_, update, options) => {
    const { pool, serve } = setup();
    await serve('memory:a', holding().onEvent, CONFIGURABLE);
    await pool.addAgent('a', 'memory:a');
    await expect(pool.pushConfig('a', update as never, options as never)).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
    });
  });
});
