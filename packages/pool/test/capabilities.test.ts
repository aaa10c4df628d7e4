import { ALLOW, type Capabilities, type Connection, type Decision, type ProxyEvent } from '@agentwire/core';
import { AgentSessionCore } from '@agentwire/core/session/internal';
import { createLinkedPair } from '@agentwire/core/testing';
import { AgentPool } from '@agentwire/pool';
import { describe, expect, onTestFinished, test } from 'vitest';
import { CAPABILITIES, head, settle, setup } from './setup.ts';

type Events = Capabilities['events'];

const allow = (needsMore: boolean): Decision => ({ verdict: { type: 'allow' }, needsMore });
const block: Decision = { verdict: { type: 'block', status: 403 } };
const requestChunk = { type: 'requestBodyChunk' as const, index: 0, data: new Uint8Array(1), last: true };
const responseChunk = { ...requestChunk, type: 'responseBodyChunk' as const };
const responseHead = { type: 'responseHeaders' as const, status: 200, headers: [], hasBody: true };
const summary = { status: 200, durationMs: 1, requestBodySize: 0, responseBodySize: 0, upstreamAttempts: 1 };

/** A pool, and instances of its agent `waf` that come in as they are made. */
function instances(options: ConstructorParameters<typeof AgentPool>[0] = {}): {
  pool: AgentPool;
  join: (events: Events, onEvent: (event: ProxyEvent) => Decision) => Connection;
} {
  const { clock } = setup();
  const pool = new AgentPool({ clock, ...options });
  onTestFinished(() => pool.close());
  return {
    pool,
    join(events, onEvent) {
      const { agent } = createLinkedPair({
        agent: { name: 'waf', capabilities: { ...CAPABILITIES, events } },
        onProxy: (connection) => pool.adopt(connection),
        onAgent: (connection) => new AgentSessionCore(connection, { onEvent }, { clock, keepalive: false }),
      });
      return agent;
    },
  };
}

test.each([
  ['an unknown type', { ...head('r'), type: 'request_headers' }],
  ['no type', { ...head('r'), type: undefined }],
  ['a type of every object', { ...head('r'), type: 'toString' }],
  ['no event', undefined],
  ['a text', 'requestHeaders'],
])('%s is no event that an agent can do without', async (_, event) => {
  const { pool, join } = instances();
  join(['requestHeaders'], () => block);
  for (const ask of ['decide', 'request'] as const)
    await expect(pool[ask]('waf', event as never)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
});

test.each([{ timeout: 5 }, { timeoutMS: 5 }])(
  'an option of a question that does not exist is refused: %o',
  async (options) => {
    const { pool, join } = instances();
    join(['requestHeaders'], () => block);
    await expect(pool.decide('waf', head('r'), options as never)).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
    });
  },
);

describe('an agent that is listed is asked', () => {
  test.each([
    ['requestBodyChunk', head('r'), requestChunk],
    ['responseBodyChunk', { ...responseHead, id: 'r' }, responseChunk],
  ] as const)('one that takes %s alone gets it: its head goes on and asks for the body', async (type, first, chunk) => {
    const { pool, serve } = setup();
    const seen: string[] = [];
    await serve('memory:a', (event) => (seen.push(event.type), block), { events: [type] });
    await pool.addAgent('waf', 'memory:a');
    expect(await pool.decide('waf', first)).toEqual(allow(true));
    expect(await pool.decide('waf', { ...chunk, id: 'r' })).toEqual(block);
    expect(seen).toEqual([type]);
    expect(pool.stats.agents[0]?.liveRequests).toBe(0);
  });

  test('one that takes nothing of an HTTP request is refused, by its failure policy', async () => {
    const { pool, serve } = setup();
    await serve('memory:a', () => ALLOW, { events: ['guardrailInspect', 'webSocketFrame'] });
    await pool.addAgent('waf', 'memory:a');
    for (const event of [head(1), { ...requestChunk, id: 1 }, { ...responseHead, id: 1 }]) {
      expect(await pool.decide('waf', event)).toMatchObject({
        verdict: { type: 'block', status: 503 },
        audit: { reasonCodes: ['agentwire:ERR_UNSUPPORTED'], custom: { kind: 'protocol' } },
      });
    }
  });

  test.each([[undefined], [[]]])('one whose capabilities are %j is asked about everything', async (events) => {
    const { pool } = instances();
    const { clock } = setup();
    createLinkedPair({
      agent: { name: 'waf', ...(events && { capabilities: { ...CAPABILITIES, events } }) },
      onProxy: (connection) => pool.adopt(connection),
      onAgent: (connection) => new AgentSessionCore(connection, { onEvent: () => block }, { clock, keepalive: false }),
    });
    for (const event of [head(1), { ...responseHead, id: 2 }]) expect(await pool.decide('waf', event)).toEqual(block);
  });

  test('one that takes ends only is told of each; one that takes heads, of those that it was asked about', async () => {
    const { pool, join } = instances();
    const seen: string[] = [];
    const note = (event: ProxyEvent): Decision => (
      seen.push(`${event.type} ${'status' in event ? event.status : ''}`),
      ALLOW
    );
    const end = { id: 'r', ...summary };
    const first = join(['requestComplete'], note);
    expect(await pool.decide('waf', head('r'))).toBe(ALLOW);
    expect(pool.sendRequestComplete('waf', end)).toBe(true);
    await settle();
    expect(seen).toEqual(['requestComplete 200']);
    await first.close();
    await settle();
    join(['requestHeaders', 'requestComplete'], note);
    expect(pool.sendRequestComplete('waf', end)).toBe(false);
    await settle();
    expect(seen).toHaveLength(1);
  });
});

describe('capabilities belong to a connection', () => {
  test('an event goes to an instance that takes it, in any order of joining', async () => {
    const { pool, join } = instances();
    const heads: string[] = [];
    join(['requestHeaders', 'responseHeaders'], (event) => {
      if (event.type === 'requestHeaders') heads.push('new');
      return event.type === 'responseHeaders' ? block : ALLOW;
    });
    join(['requestHeaders'], (event) => (heads.push(`old ${event.type}`), ALLOW));
    expect(pool.handles('waf', 'responseHeaders')).toBe(true);
    for (let id = 0; id < 8; id++) {
      expect(await pool.decide('waf', head(id))).toMatchObject({ verdict: { type: 'allow' } });
      expect(await pool.decide('waf', { ...responseHead, id })).toEqual(block);
    }
    expect(heads).toContain('old requestHeaders');
    expect(pool.stats.agents[0]).toMatchObject({ liveRequests: 0, inFlight: 0 });
  });

  test('a body whose head was allowed by an instance that takes no bodies is asked for and judged by one that does', async () => {
    const { pool, join } = instances();
    join(['requestHeaders', 'requestBodyChunk'], (event) => (event.type === 'requestBodyChunk' ? block : allow(true)));
    join(['requestHeaders'], () => ALLOW);
    for (let id = 0; id < 4; id++) {
      expect(await pool.decide('waf', head(id))).toEqual(allow(true));
      expect(await pool.decide('waf', { ...requestChunk, id })).toEqual(block);
    }
    expect(pool.stats.agents[0]?.liveRequests).toBe(0);
  });

  test('each has the concurrency that it announced', async () => {
    const { pool } = instances({ loadBalanceStrategy: 'roundRobin' });
    const { clock } = setup();
    const running = [0, 0];
    for (const [at, maxConcurrentRequests] of [1, 3].entries()) {
      createLinkedPair({
        agent: { name: 'waf', capabilities: { ...CAPABILITIES, maxConcurrentRequests } },
        onProxy: (connection) => pool.adopt(connection),
        onAgent: (connection) => {
          const onEvent = (): Promise<Decision> => (
            (running[at] = (running[at] ?? 0) + 1),
            new Promise(() => undefined)
          );
          return new AgentSessionCore(connection, { onEvent }, { clock, keepalive: false });
        },
      });
    }
    for (let id = 0; id < 10; id++) pool.request('waf', head(id)).catch(() => undefined);
    await settle();
    expect(running).toEqual([1, 3]);
  });

  test('an event that only instances took that have left is a failure of the agent, warned of once', async () => {
    const lines: unknown[] = [];
    const line = (fields: unknown): void => void lines.push(fields);
    const { pool, join } = instances({
      logger: { debug: () => undefined, info: () => undefined, warn: line, error: line },
    });
    const judge = join(['requestHeaders', 'responseHeaders'], () => ALLOW);
    const old = join(['requestHeaders'], () => ALLOW);
    await judge.close();
    await settle();
    expect(pool.handles('waf', 'responseHeaders')).toBe(true);
    expect(lines.filter((fields) => 'events' in (fields as object))).toEqual([
      { agent: 'waf', events: 'responseHeaders' },
    ]);
    expect(await pool.decide('waf', head(0))).toMatchObject({ verdict: { type: 'allow' } });
    expect(await pool.decide('waf', { ...responseHead, id: 0 })).toMatchObject({
      verdict: { type: 'block', status: 503 },
      audit: { reasonCodes: ['agentwire:ERR_CONNECT'] },
    });
    await expect(pool.request('waf', { ...responseHead, id: 'r' })).rejects.toThrow(
      'no connection of waf takes responseHeaders',
    );
    await pool.cancelRequest('waf', 0);
    const again = join(['requestHeaders', 'responseHeaders'], () => ALLOW);
    expect(await pool.decide('waf', { ...responseHead, id: 'r' })).toMatchObject({ verdict: { type: 'allow' } });
    await again.close();
    await old.close();
    await settle();
    expect(pool.handles('waf', 'requestHeaders')).toBe(true);
    expect(await pool.decide('waf', head(1))).toMatchObject({ verdict: { type: 'block', status: 503 } });
  });
});

test('no agent registers under the name of one that the pool dials', async () => {
  const { pool, serve } = setup();
  await serve('memory:a', () => block);
  await pool.addAgent('waf', 'memory:a');
  const refused = expect.objectContaining({
    code: 'ERR_DUPLICATE_AGENT',
    message: expect.stringContaining('dials waf at memory:a') as string,
  }) as Error;
  const rogue = { agent: { name: 'waf' }, onProxy: (connection: Connection) => pool.adopt(connection) };
  expect(() => createLinkedPair(rogue)).toThrow(refused);
  expect(pool.getHealth('waf').totalConnections).toBe(2);
  // an agent that is not there at the moment is dialled all the same
  await pool.addAgent('away', 'memory:no-agent');
  expect(() => createLinkedPair({ onProxy: (connection) => pool.adopt(connection, 'away') })).toThrow('dials away');
});

describe('a request without an event for longer than it is remembered', () => {
  test('is cancelled, and its agent told; with keep it lives until its end', async () => {
    const { pool, serve, clock } = setup({ correlationAffinityTtlMs: 1_000 });
    const ends: string[] = [];
    await serve('memory:a', (event, request) => {
      request.retain = true;
      if (event.type === 'requestHeaders')
        request.signal.addEventListener('abort', () => ends.push(`${event.uri} cancelled`));
      else ends.push(event.type);
      return ALLOW;
    });
    await pool.addAgent('waf', 'memory:a');
    await pool.decide('waf', head('short', '/short'));
    await pool.decide('waf', head('kept', '/kept'), { keep: true });
    for (let i = 0; i < 40; i++) {
      clock.advance(1_000);
      await settle(2);
    }
    expect(ends).toEqual(['/short cancelled']);
    expect(await pool.decide('waf', { ...responseHead, id: 'kept' })).toMatchObject({ verdict: { type: 'allow' } });
    expect(pool.sendRequestComplete('waf', { id: 'kept', ...summary })).toBe(true);
    await settle();
    expect(ends).toEqual(['/short cancelled', 'responseHeaders', 'requestComplete']);
    expect(pool.stats.agents[0]?.liveRequests).toBe(0);
  });
});
