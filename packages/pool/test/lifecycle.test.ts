import { ALLOW, AgentwireError, type Connection, type Decision, type RequestId, type Transport } from '@agentwire/core';
import { createLinkedPair } from '@agentwire/core/testing';
import { AgentPool } from '@agentwire/pool';
import { describe, expect, test } from 'vitest';
import { CAPABILITIES, head, settle, setup } from './setup.ts';

const ONLY_HEADS = { events: ['requestHeaders' as const] };
const busy: Decision = {
  verdict: { type: 'block', status: 503 },
  error: { code: 'ERR_OVERLOADED', message: 'busy' },
};

describe('what is remembered of a request', () => {
  test('nothing when its only event failed, so its id can be used again', async () => {
    const { pool, serve } = setup();
    await serve('memory:a', () => busy, ONLY_HEADS);
    await pool.addAgent('waf', 'memory:a');
    for (let i = 0; i < 2; i++)
      await expect(pool.request('waf', head(1))).rejects.toMatchObject({ code: 'ERR_OVERLOADED' });
    expect(pool.stats.agents[0]).toMatchObject({ inFlight: 0, liveRequests: 0 });
  });

  test('nothing when the caller had cancelled it, or asked with a wrong timeout, before it began', async () => {
    const { pool, serve } = setup();
    await serve('memory:a', () => ALLOW);
    await pool.addAgent('waf', 'memory:a');
    const signal = AbortSignal.abort();
    await expect(pool.request('waf', head(1), { signal })).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    await expect(pool.request('waf', head(1), { timeoutMs: Number.NaN })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
    });
    expect(pool.stats.agents[0]).toMatchObject({ liveRequests: 0 });
    expect(await pool.request('waf', head(1))).toMatchObject({ verdict: { type: 'allow' } });
  });

  test('its age does not end an event that has a later deadline of its own', async () => {
    const { pool, serve, clock } = setup({ correlationAffinityTtlMs: 20_000, maxCorrelationAffinities: 1 });
    let answer: ((decision: Decision) => void) | undefined;
    await serve('memory:a', () => new Promise((resolve) => (answer = resolve)));
    await pool.addAgent('waf', 'memory:a');
    const asked = pool.request('waf', head(1), { timeoutMs: 60_000 });
    await settle();
    for (let i = 0; i < 8; i++) {
      clock.advance(5_000);
      await settle();
    }
    answer?.(ALLOW);
    expect(await asked).toMatchObject({ verdict: { type: 'allow' } });
  });
});

describe('ends', () => {
  test('closing the pool ends an addAgent that is still dialling', async () => {
    const { transport, clock } = setup();
    const never: Transport = {
      ...transport,
      connect: (_address, { signal }) =>
        new Promise((_resolve, reject) => {
          signal?.addEventListener('abort', () => reject(new AgentwireError('ERR_ABORTED', 'given up')));
        }),
    };
    const pool = new AgentPool({ transports: [never], clock });
    const added = pool.addAgent('waf', 'memory:a');
    await pool.close();
    await added;
    expect(pool.has('waf')).toBe(false);
  });

  test('an agent that connects while the pool drains is refused', async () => {
    const { pool, serve } = setup();
    let answer: ((decision: Decision) => void) | undefined;
    await serve('memory:a', () => new Promise((resolve) => (answer = resolve)), ONLY_HEADS);
    await pool.addAgent('waf', 'memory:a');
    const asked = pool.request('waf', head(1));
    await settle();
    const drained = pool.drain();
    let refused: unknown;
    const onProxy = (connection: Connection): ReturnType<AgentPool['adopt']> => {
      try {
        return pool.adopt(connection, 'waf');
      } catch (error) {
        refused = error;
        throw error;
      }
    };
    expect(() => createLinkedPair({ onProxy })).toThrow();
    expect(refused).toMatchObject({ code: 'ERR_CLOSED' });
    answer?.(ALLOW);
    await asked;
    await drained;
  });

  test('a connection whose agent drains is ended when it is idle, and made anew', async () => {
    const { pool, serve, clock } = setup({ connectionsPerAgent: 1 });
    const listener = await serve('memory:a', () => ALLOW, ONLY_HEADS);
    await pool.addAgent('waf', 'memory:a');
    const [session] = listener.sessions;
    session?.notify({ type: 'drain' });
    await settle();
    expect(session?.connection.status).toBe('closed');
    clock.advance(1_000);
    await settle();
    expect(await pool.request('waf', head(1))).toMatchObject({ verdict: { type: 'allow' } });
  });

  test('every line of an agent is written with the id of its request, 100 a second; the number left out is reported once', async () => {
    const lines: Record<string, unknown>[] = [];
    const note = (fields: object, message: string): void => void lines.push({ ...fields, message });
    const { pool, serve, clock } = setup({
      connectionsPerAgent: 1,
      logger: { debug: note, info: note, warn: note, error: note },
    });
    const seen = { type: 'log', level: 'warn', message: 'seen', timestampMs: 1 } as const;
    const say = (more: { id?: RequestId; fields: Record<string, string> }): void =>
      void listener.sessions
        .values()
        .next()
        .value?.notify({ ...seen, ...more });
    const listener = await serve(
      'memory:a',
      ({ id }) => {
        say({ id, fields: { path: '/x', requestId: 'claimed', agent: 'other' } });
        return ALLOW;
      },
      ONLY_HEADS,
    );
    await pool.addAgent('waf', 'memory:a');
    lines.length = 0;
    for (const id of ['g-1', 'g-2']) await pool.decide('waf', head(id));
    // over, so that its agent names it
    say({ id: 65_536, fields: { requestId: 'g-1' } });
    say({ fields: {} });
    await settle();
    expect(lines.splice(0)).toEqual([
      { path: '/x', id: 'g-1', agent: 'waf', message: 'seen' },
      { path: '/x', id: 'g-2', agent: 'waf', message: 'seen' },
      { id: 'g-1', agent: 'waf', message: 'seen' },
      { agent: 'waf', message: 'seen' },
    ]);
    clock.advance(1_000);
    const [session] = listener.sessions;
    for (let i = 0; i < 50; i += 1)
      for (const level of ['debug', 'info', 'warn', 'error'] as const)
        session?.notify({ type: 'log', level, message: 'flood', fields: {}, timestampMs: i });
    await settle();
    expect(lines.splice(0).map(({ message }) => message)).toEqual(Array(100).fill('flood'));
    clock.advance(10_000);
    expect(lines).toEqual([
      {
        agent: 'waf',
        leftOut: 100,
        limit: 100,
        message: '100 log lines of an agent were left out: more than 100 in a second',
      },
    ]);
  });

  test('an https endpoint is never dialled without TLS', async () => {
    const pool = new AgentPool({ transports: [] });
    await expect(pool.addGrpcAgent('waf', 'https://waf.test:443')).rejects.toThrow('no transport serves grpcs');
    await expect(pool.addGrpcAgent('waf', 'waf.test:443')).rejects.toThrow('no transport serves grpc:');
    await expect(pool.addGrpcAgent('waf', 'waf.test:443', true)).rejects.toThrow('no transport serves grpcs');
    await pool.close();
  });
});

test('a connection that an agent opened belongs to the id that it registered with, not to the name it gives itself', async () => {
  const pool = new AgentPool({ clock: setup().clock });
  pool.addReverseAgent('waf-1');
  pool.addReverseAgent('waf');
  const capabilities = { ...CAPABILITIES, ...ONLY_HEADS, agentId: 'waf-1' };
  createLinkedPair({ agent: { name: 'waf', capabilities }, onProxy: (connection) => pool.adopt(connection) });
  expect(pool.getHealth('waf-1').healthyConnections).toBe(1);
  expect(pool.getHealth('waf').healthyConnections).toBe(0);
  await pool.close();
});

test('past 1 024 names that agents registered under, one that has left is removed; those with a connection and those that were added stay', async () => {
  const pool = new AgentPool({ clock: setup().clock });
  pool.addReverseAgent('added');
  const register = (agentId: string): ReturnType<typeof createLinkedPair> =>
    createLinkedPair({
      agent: { capabilities: { ...CAPABILITIES, ...ONLY_HEADS, agentId } },
      onProxy: (connection) => pool.adopt(connection),
    });
  const registerAndLeave = (names: readonly string[]): Promise<void> => {
    for (const name of names) register(name).agent.abort();
    return new Promise((resolve) => setImmediate(resolve));
  };
  const names = Array.from({ length: 1_100 }, (_, at) => `a-${at}`);
  await registerAndLeave(['gone']);
  register('stays');
  await registerAndLeave(names.slice(0, 1_022));
  expect(pool.has('gone')).toBe(true);
  // it comes back, so another one is the first to go
  await registerAndLeave(['gone']);
  await registerAndLeave(names.slice(1_022));
  expect(['added', 'stays', 'gone', 'a-77', 'a-78', 'a-1099'].map((name) => pool.has(name))).toEqual([
    true,
    true,
    true,
    false,
    true,
    true,
  ]);
  expect(pool.stats.agents).toHaveLength(1_025);
  await pool.close();
});

test('an event that an agent cannot judge or apply is decided by its failure policy, never by a silent allow', async () => {
  const pool = new AgentPool({ clock: setup().clock });
  pool.addReverseAgent('waf');
  createLinkedPair({
    agent: { name: 'waf', features: [], capabilities: { ...CAPABILITIES, ...ONLY_HEADS } },
    onProxy: (connection) => pool.adopt(connection),
  });
  const guardrail = { type: 'guardrailInspect' as const, id: 1, inspectionType: 'pii_detection' as const };
  const refused = { verdict: { type: 'block' }, audit: { reasonCodes: ['agentwire:ERR_UNSUPPORTED'] } };
  expect(await pool.decide('waf', { ...guardrail, content: 'x', categories: [], metadata: {} })).toMatchObject(refused);
  expect(await pool.decide('waf', { type: 'configure', id: 2, config: {} })).toMatchObject(refused);
  await pool.close();
});
