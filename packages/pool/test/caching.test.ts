import { ALLOW, type Decision, FEATURES, type ProxyEvent, type RequestHeaders } from '@agentwire/core';
import { serveSessions } from '@agentwire/core/session';
import { AgentSessionCore } from '@agentwire/core/session/internal';
import { silentLogger } from '@agentwire/core/internal';
import { createLinkedPair } from '@agentwire/core/testing';
import type { AgentPool, AgentPoolOptions } from '@agentwire/pool';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { VaryKey } from '../src/decision-cache/vary-key.ts';
import { CAPABILITIES, head, settle, setup } from './setup.ts';

const cache = { ttlMs: 1_000, vary: ['path'] };
const HEADS = { events: ['requestHeaders', 'configure'] as const, configPush: true };

interface Options {
  readonly settings?: AgentPoolOptions['decisionCache'];
  readonly options?: Partial<AgentPoolOptions>;
  readonly capabilities?: Parameters<ReturnType<typeof setup>['serve']>[2];
}

/** A pool with a cache and one agent that takes heads; `asked` are the uris of those that reached it. */
async function cached(
  decide: (event: RequestHeaders) => Decision | Promise<Decision> = () => ({ ...ALLOW, cache }),
  { settings = {}, options = {}, capabilities = HEADS }: Options = {},
) {
  const made = setup({ decisionCache: settings, ...options });
  const asked: string[] = [];
  const listener = await made.serve(
    'memory:waf',
    (event: ProxyEvent) => {
      if (event.type !== 'requestHeaders') return ALLOW;
      asked.push(event.uri);
      return decide(event);
    },
    capabilities,
  );
  await made.pool.addAgent('waf', 'memory:waf');
  let id = 0;
  const ask = (uri = '/', more: Partial<RequestHeaders> = {}, rest: Parameters<AgentPool['decide']>[2] = {}) =>
    made.pool.decide('waf', { ...head((id += 1), uri), ...more }, rest);
  return { ...made, listener, asked, ask };
}

const tagsOf = (decision: Decision): readonly string[] => decision.audit?.tags ?? [];
const isCached = (decision: Decision): boolean => tagsOf(decision).includes('agentwire:cached');

describe('a decision that its agent allows to cache', () => {
  test('is given again without asking, with a tag, and counted', async () => {
    const counts: unknown[] = [];
    const count = (name: string, labels: unknown): void => void counts.push([name, labels]);
    const metrics = { count, gauge: () => undefined, observe: () => undefined };
    const block: Decision = { verdict: { type: 'block', status: 403, body: 'no' }, audit: { tags: ['waf'] }, cache };
    const { ask, asked, pool } = await cached(() => block, { options: { metrics } });
    const first = await ask('/a?x');
    const second = await ask('/a?y');
    expect([isCached(first), second]).toEqual([
      false,
      { verdict: block.verdict, audit: { tags: ['waf', 'agentwire:cached'] } },
    ]);
    expect(asked).toEqual(['/a?x']);
    expect(pool.stats.agents[0]).toMatchObject({ requests: 1, cached: 1, liveRequests: 0 });
    expect(counts).toContainEqual(['agent_cached_decisions_total', { agent: 'waf', decision: 'block' }]);
  });

  test('cannot be changed by those who get it', async () => {
    const ops = [{ op: 'set' as const, name: 'x-a', value: '1' }];
    const { ask } = await cached(() => ({ ...ALLOW, requestHeaders: ops, cache }));
    const first = await ask();
    (first.requestHeaders as unknown[]).length = 0;
    const second = await ask();
    expect(second.requestHeaders).toEqual(ops);
    expect(() => (second.requestHeaders as unknown[]).push(1)).toThrow(TypeError);
  });

  test.each<[string, Partial<RequestHeaders>]>([
    ['another path', { uri: '/b' }],
    ['another authorization', { headers: ['Authorization', 'Bearer other'] }],
    ['no authorization', { headers: [] }],
    ['a cookie', { headers: ['authorization', 'Bearer one', 'cookie', 'a=b'] }],
    ['two authorizations', { headers: ['authorization', 'Bearer one', 'authorization', ''] }],
    ['a WebSocket', { headers: ['authorization', 'Bearer one', 'Upgrade', 'websocket'] }],
    ['a body', { hasBody: true }],
    ['a body that may be there', { hasBody: undefined }],
  ])('is not given for %s', async (_what, more) => {
    const { ask, asked } = await cached();
    const headers = ['authorization', 'Bearer one', 'x-other', '1'];
    await ask('/a', { headers });
    await ask('/a', { headers: ['AUTHORIZATION', 'Bearer one'] });
    expect(asked).toHaveLength(1);
    await ask('/a', { headers, ...more });
    expect(asked).toHaveLength(2);
  });

  test.each(['uri', 'URL', 'clientIp', 'client_ip', 'headers', 'body', '*'])(
    'is not given again where it varies on %s, which no header is called',
    async (name) => {
      const warn = vi.fn<(values: object, message: string) => void>();
      const logger = { ...silentLogger, warn };
      const { ask, asked } = await cached(() => ({ ...ALLOW, cache: { ttlMs: 1_000, vary: ['method', name] } }), {
        options: { logger },
      });
      const decisions = [await ask('/public'), await ask('/admin'), await ask('/public')];
      expect(decisions.map(({ verdict }) => verdict.type)).toEqual(['allow', 'allow', 'allow']);
      expect(asked).toEqual(['/public', '/admin', '/public']);
      expect(warn.mock.calls.filter(([, message]) => message.includes('vary'))).toEqual([
        [expect.objectContaining({ agent: 'waf', name }), expect.any(String)],
      ]);
    },
  );

  test('holds for its time by the clock, and never longer than the pool allows', async () => {
    const { ask, asked, clock } = await cached(({ uri }) => ({
      ...ALLOW,
      cache: { ...cache, ttlMs: uri === '/long' ? 86_400_000 : 100 },
    }));
    for (const uri of ['/', '/long']) await ask(uri);
    clock.advance(99);
    for (const uri of ['/', '/long']) await ask(uri);
    expect(asked).toHaveLength(2);
    clock.advance(1);
    for (const uri of ['/', '/long']) await ask(uri);
    expect(asked).toEqual(['/', '/long', '/']);
    for (let step = 0; step < 20; step += 1) {
      clock.advance(2_995);
      await settle(2);
    }
    await ask('/long');
    expect(asked).toEqual(['/', '/long', '/', '/long']);
  });

  test('is evicted where it was least recently used, by count and by bytes', async () => {
    const { ask, asked } = await cached(undefined, { settings: { maxEntries: 2 } });
    for (const uri of ['/1', '/2', '/1', '/3', '/1', '/3', '/2']) await ask(uri);
    expect(asked).toEqual(['/1', '/2', '/3', '/2']);
    const body = 'x'.repeat(1_000);
    const small = await cached(() => ({ verdict: { type: 'block', status: 403, body }, cache }), {
      settings: { maxBytes: 10_000 },
    });
    for (const uri of ['/1', '/2', '/3', '/3', '/2', '/1']) await small.ask(uri);
    expect(small.asked).toEqual(['/1', '/2', '/3', '/1']);
    const huge = await cached(() => ({ verdict: { type: 'block', status: 403, body }, cache }), {
      settings: { maxBytes: 2_000 },
    });
    for (const uri of ['/1', '/1']) await huge.ask(uri);
    expect(huge.asked).toEqual(['/1', '/1']);
  });

  test('is asked for anew with `fresh`, and in a sticky session', async () => {
    const { ask, asked } = await cached();
    await ask();
    await ask('/', {}, { fresh: true });
    await ask('/', {}, { stickySession: 's' });
    expect(asked).toHaveLength(3);
    expect(isCached(await ask())).toBe(true);
  });

  test('is not given where the caller is wrong, or once the pool is drained', async () => {
    const { ask, asked, pool } = await cached();
    await ask();
    const wrong = [
      ask('/', {}, { timeoutMs: -1 }),
      ask('/', { headers: ['a b', ''] }),
      ask('/', { method: 1 as never }),
      pool.request('waf', null as never),
    ];
    for (const one of await Promise.allSettled(wrong))
      expect(one).toMatchObject({ reason: { name: 'AgentwireError' } });
    await expect(ask('/', {}, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    expect(asked).toHaveLength(1);
    await pool.drain();
    await expect(ask()).rejects.toMatchObject({ code: 'ERR_UNKNOWN_AGENT' });
  });
});

describe('no decision is kept', () => {
  const later = { events: ['requestHeaders', 'requestBodyChunk', 'responseHeaders'] as const };
  test.each<[string, Decision, Parameters<typeof cached>[1]]>([
    ['without permission', ALLOW, {}],
    ['that asks for the body', { ...ALLOW, needsMore: true, cache }, { capabilities: later }],
    ['of an agent that gets the response too', { ...ALLOW, cache }, { capabilities: later }],
    ['of an agent that is told of the end', { ...ALLOW, cache }, { capabilities: CAPABILITIES }],
    ['with routing for one frame', { ...ALLOW, webSocket: { type: 'drop' }, cache }, {}],
  ])('%s', async (_what, decision, more) => {
    const { ask, asked } = await cached(() => decision, more);
    for (const _ of [1, 2]) await ask();
    expect(asked).toHaveLength(2);
  });

  test('but a block of an agent that gets the response too', async () => {
    const block: Decision = { verdict: { type: 'block', status: 403 }, cache };
    const { ask, asked } = await cached(() => block, { capabilities: later });
    for (const _ of [1, 2]) await ask();
    expect(asked).toHaveLength(1);
  });

  test('of an agent that gets later events, which is logged once; a question for the body is no such case', async () => {
    const lines: [object, string][] = [];
    const warn = (fields: object, message: string): void => void lines.push([fields, message]);
    const logger = { ...silentLogger, warn };
    const decide = ({ uri }: RequestHeaders): Decision => ({ ...ALLOW, needsMore: uri === '/body', cache });
    const { ask, asked } = await cached(decide, { capabilities: later, options: { logger } });
    await ask('/body', { hasBody: true });
    expect(lines).toEqual([]);
    for (const uri of ['/a', '/a', '/b']) await ask(uri);
    expect(asked).toEqual(['/body', '/a', '/a', '/b']);
    expect(lines).toEqual([
      [{ agent: 'waf', events: 'responseHeaders' }, expect.stringContaining('takes events that come after the head')],
    ]);
  });

  test('that was asked for before a configuration or a lost connection, and answered after it', async () => {
    const answers: ((decision: Decision) => void)[] = [];
    const { ask, asked, pool } = await cached(() => new Promise((resolve) => answers.push(resolve)));
    for (const change of [
      () => pool.pushConfig('waf', { config: {}, version: '1' }),
      () => pool.request('waf', { type: 'configure', id: 'c', config: {} }),
    ]) {
      const before = answers.length;
      const first = ask(`/${before}`);
      await settle();
      await change();
      answers[before]?.({ ...ALLOW, cache });
      await first;
      const second = ask(`/${before}`);
      await settle();
      expect(answers).toHaveLength(before + 2);
      answers.at(-1)?.({ ...ALLOW, cache });
      await second;
      await ask(`/${before}`);
      expect(asked).toHaveLength(before + 2);
    }
  });
});

describe('the cache is emptied', () => {
  test('by a configuration', async () => {
    const { ask, asked, pool } = await cached();
    for (const _ of [1, 2]) await ask();
    await pool.pushConfig('waf', { config: {}, version: '2' });
    for (const _ of [1, 2]) await ask();
    expect(asked).toHaveLength(2);
  });

  test('by a lost connection, and by the restart of the agent', async () => {
    const { ask, asked, listener, serve, clock, pool } = await cached();
    for (const _ of [1, 2]) await ask();
    await listener.close();
    await settle();
    expect((await ask()).audit?.tags).toEqual(['agentwire:fail-closed']);
    const again: string[] = [];
    const restarted = (event: ProxyEvent): Decision => {
      again.push(event.type);
      return { ...ALLOW, cache };
    };
    await serve('memory:waf', restarted, HEADS);
    for (let step = 0; pool.getHealth('waf').healthyConnections < 2 && step < 100; step += 1) {
      clock.advance(500);
      await settle(2);
    }
    for (const _ of [1, 2]) await ask();
    expect([asked.length, again.length]).toEqual([1, 1]);
  });

  test('by a further registration under the agent’s name, and never shared with another agent', async () => {
    const { pool, clock } = setup({ decisionCache: {} });
    const asked: string[] = [];
    const register = (name: string): void => {
      const onEvent = (): Decision => {
        asked.push(name);
        return { ...ALLOW, cache };
      };
      createLinkedPair({
        agent: { name, capabilities: { ...CAPABILITIES, ...HEADS } },
        onProxy: (connection) => pool.adopt(connection),
        onAgent: (connection) => new AgentSessionCore(connection, { onEvent }, { clock, keepalive: false }),
      });
    };
    for (const name of ['a', 'b']) {
      register(name);
      for (const id of [1, 2]) await pool.decide(name, head(id));
    }
    expect(asked).toEqual(['a', 'b']);
    register('a');
    for (const name of ['a', 'b']) await pool.decide(name, head(3));
    expect(asked).toEqual(['a', 'b', 'a']);
  });
});

describe('the feature', () => {
  test('is offered by a pool with a cache only, and its field is sent to no other', async () => {
    for (const decisionCache of [undefined, {}]) {
      const { pool, serve } = setup({ decisionCache });
      const frozen = Object.freeze({ ...ALLOW, cache: Object.freeze({ ...cache, vary: Object.freeze(['path']) }) });
      const features: boolean[] = [];
      await serve(
        'memory:waf',
        (_event, request) => {
          features.push(request.connection.peer.features.includes('cache'));
          return features.length > 1 ? frozen : { ...frozen };
        },
        HEADS,
      );
      await pool.addAgent('waf', 'memory:waf');
      for (const id of [1, 2]) {
        const decision = await pool.decide('waf', head(id, `/${id}`));
        expect(decision.cache).toEqual(decisionCache && cache);
      }
      expect(features).toEqual([decisionCache !== undefined, decisionCache !== undefined]);
    }
  });

  test('is needed: a field without it is not obeyed', async () => {
    const { pool, transport, clock } = setup({ decisionCache: {} });
    const features = FEATURES.filter((one) => one !== 'cache');
    const self = { role: 'agent' as const, name: 'waf', version: '1', features, encodings: ['json'] };
    let asked = 0;
    const listener = await serveSessions(
      transport,
      'memory:waf',
      {
        onEvent(event, { connection }) {
          asked += 1;
          // past the session, which would take the field out
          connection.send({ type: 'answer', id: event.id, decision: { ...ALLOW, cache } });
          return new Promise(() => undefined);
        },
      },
      { clock, self: { ...self, capabilities: { ...CAPABILITIES, ...HEADS } } },
    );
    onTestFinished(() => listener.close());
    await pool.addAgent('waf', 'memory:waf');
    for (const id of [1, 2]) await pool.decide('waf', head(id));
    expect(asked).toBe(2);
  });
});

test('many different sets of names are bounded', async () => {
  let count = 0;
  const { ask, asked } = await cached(() => ({ ...ALLOW, cache: { ttlMs: 1_000, vary: [`x-${(count += 1) % 9}`] } }));
  for (let at = 0; at < 20; at += 1) await ask('/', { headers: [`x-${at}`, '1'] });
  await ask('/', { headers: ['x-9', '1'] });
  expect(asked.length).toBeLessThanOrEqual(21);
});

test('a key has no value of a header in it, and another one with another secret', () => {
  const secret = 'Bearer s3cret-s3cret';
  const one = { ...head(1), headers: ['authorization', secret, 'cookie', secret] };
  const [a, b] = ['1', '2'].map((salt) => new VaryKey(['path', 'constructor'], salt).of(one));
  expect(a).toMatch(/^[\w+/]{43}=$/);
  expect(a).not.toBe(b);
});

describe('options', () => {
  test.each([
    [{ maxEntries: 0 }, 'decisionCache.maxEntries must be an integer from 1 to 10000000'],
    [{ maxTtlMs: '1' }, 'decisionCache.maxTtlMs must be an integer from 1 to 86400000'],
    [{ ttl: 1 }, 'decisionCache has no option "ttl"; it knows maxEntries, maxBytes, maxTtlMs'],
  ])('%j are refused', (decisionCache, message) => {
    expect(() => setup({ decisionCache: decisionCache as never })).toThrow(message);
  });
});

/** A decision that is a pure function of what it varies on. */
function pure(vary: readonly string[], { method, uri, metadata, headers }: RequestHeaders): Decision {
  const words: Record<string, unknown> = { method, path: uri.split('?')[0], query: uri.split('?')[1] };
  const seen = [...vary, 'authorization', 'cookie', 'upgrade'].map((name) => {
    if (name in words) return words[name] ?? null;
    if (name === 'client') return metadata.clientIp;
    return headers.filter((_, at) => at % 2 === 1 && headers[at - 1]?.toLowerCase() === name);
  });
  const text = JSON.stringify(seen);
  return text.length % 3 === 0
    ? { verdict: { type: 'block', status: 403, body: text } }
    : { verdict: { type: 'allow' }, audit: { reasonCodes: [text] } };
}

const requests = fc.record({
  method: fc.constantFrom('GET', 'POST'),
  uri: fc.constantFrom('/', '/?', '/a?b'),
  client: fc.constantFrom('::1', '::2'),
  hasBody: fc.boolean(),
  headers: fc
    .array(fc.tuple(fc.constantFrom('X-A', 'x-a', 'x-b', 'Authorization'), fc.constantFrom('', '1', '","')), {
      maxLength: 2,
    })
    .map((lines) => lines.flat()),
  after: fc.constantFrom(0, 0, 0, 0, 0, 0, 40, 400),
});

test('cached and uncached decisions of an agent that is a function of what it varies on are equal', async () => {
  const names = ['method', 'path', 'query', 'client', 'x-a', 'x-b'];
  const varies = fc.array(fc.subarray(names, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 2 });
  let hits = 0;
  let vary: readonly (readonly string[])[] = [['path']];
  // what an agent varies on may follow from what it varies on anyway
  const varyOf = ({ method }: { method: string }): readonly string[] =>
    (method === 'GET' ? vary[0] : vary.at(-1)) as readonly string[];
  const withMethod = (event: { method: string }): readonly string[] => [...new Set(['method', ...varyOf(event)])];
  const { pool, clock } = await cached(
    (event) => ({ ...pure(withMethod(event), event), cache: { ttlMs: 100, vary: withMethod(event) } }),
    { settings: { maxEntries: 5 } },
  );
  let id = 0;
  await fc.assert(
    fc.asyncProperty(varies, fc.array(requests, { minLength: 20, maxLength: 60 }), async (chosen, asked) => {
      vary = chosen;
      await pool.pushConfig('waf', { config: {}, version: 'x' });
      for (const { after, client, ...rest } of asked) {
        clock.advance(after);
        const event = { ...head((id += 1)), ...rest };
        const question = { ...event, metadata: { ...event.metadata, clientIp: client } };
        const { cache: _cache, ...decision } = await pool.decide('waf', question);
        const found = isCached(decision);
        if (found) hits += 1;
        const { tags: _tags, ...audit } = decision.audit ?? {};
        const bare = { ...decision, audit: Object.keys(audit).length > 0 ? audit : undefined };
        const { cache: _more, ...want } = pure(withMethod(question), question);
        expect(JSON.parse(JSON.stringify(bare))).toEqual(JSON.parse(JSON.stringify(want)));
      }
    }),
    { numRuns: 40 },
  );
  expect(hits).toBeGreaterThan(100);
});

test('a head that does not say whether a body follows is not cached, which is told once', async () => {
  const warn = vi.fn();
  const { asked, ask } = await cached(undefined, { options: { logger: { ...silentLogger, warn } } });
  for (let round = 0; round < 3; round += 1) expect(await ask('/', { hasBody: undefined })).toMatchObject(ALLOW);
  expect(asked).toEqual(['/', '/', '/']);
  expect(warn.mock.calls).toEqual([[{ agent: 'waf' }, expect.stringContaining('hasBody')]]);
});
