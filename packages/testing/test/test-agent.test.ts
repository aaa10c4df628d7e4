import { gunzipSync, gzipSync } from 'node:zlib';
import { allow, block, challenge, defineAgent, redirect, refuse, serveAgent } from '@agentwire/agent';
import { AgentwireError, FEATURES } from '@agentwire/core';
import { connectSession } from '@agentwire/core/session';
import { createMemoryTransport } from '@agentwire/transport-memory';
import { expect, onTestFinished, test } from 'vitest';
import { testAgent, type TestAgentOptions, type TestedAgent } from '../src/index.ts';

function tested(agent: Parameters<typeof testAgent>[0], options?: TestAgentOptions): TestedAgent {
  const made = testAgent(agent, options);
  onTestFinished(() => made.close());
  return made;
}

test('a request that is allowed has what the upstream gets, and what the client gets', async () => {
  const completed: unknown[] = [];
  const agent = tested(
    defineAgent({
      name: 'a',
      version: '1',
      requestBody: true,
      responseBody: true,
      onRequestHeaders: (request) =>
        allow()
          .setRequestHeader('x-path', request.path)
          .setResponseHeader('x-early', '1')
          .withTag('in')
          .replaceText('cat', 'dog'),
      onResponseHeaders: () => allow().removeResponseHeader('server').withTag('out').withRule('r-1'),
      onRequestComplete: ({ status }) => void completed.push(status),
    }),
  );
  const { request, response, audit, decisions } = await agent.request({
    method: 'POST',
    uri: '/a?b=c',
    headers: { 'content-encoding': 'gzip' },
    body: [gzipSync('a c').subarray(0, 5), gzipSync('a cat').subarray(5)],
    response: { status: 201, headers: { server: 'x', etag: '"1"' }, body: 'ok' },
  });
  expect(request?.headers.get('x-path')).toBe('/a');
  expect(gunzipSync(request?.body ?? '').toString()).toBe('a dog');
  expect(response).toMatchObject({ status: 201, text: 'ok' });
  expect(response?.headers.toObject()).toEqual({ etag: '"1"', 'x-early': '1' });
  expect(audit).toMatchObject({ tags: ['in', 'out'], ruleIds: ['r-1'] });
  expect(decisions.map(({ phase }) => phase)).toEqual([
    'requestHeaders',
    'requestBodyChunk',
    'requestBodyChunk',
    'responseHeaders',
  ]);
  await agent.advance(0);
  expect(completed).toEqual([201]);
});

test('a request header after the first chunk is too late as behind a gateway that streams, and in time where it buffers', async () => {
  const definition = defineAgent({
    name: 'a',
    version: '1',
    requestBody: true,
    onRequestHeaders: async (request) => allow().setRequestHeader('x-len', String((await request.text()).length)),
  });
  const body = ['ab', 'c'];
  for (const requestBody of [undefined, 'stream'] as const) {
    const agent = tested(definition, { requestBody });
    await expect(agent.request({ method: 'POST', body })).rejects.toMatchObject({ code: 'ERR_TOO_LATE' });
    const short = await agent.request({ method: 'POST', body: 'abc' });
    expect(short.request?.headers.get('x-len')).toBe('3');
  }
  for (const requestBody of ['buffer', 'hold'] as const) {
    const { request } = await tested(definition, { requestBody }).request({ method: 'POST', body });
    expect([request?.headers.get('x-len'), request?.text]).toEqual(['3', 'abc']);
  }
  expect(() => testAgent(definition, { requestBody: 'all' as 'stream' })).toThrow('requestBody must be');
});

test('headers are a plain object, pairs, a raw list, a map or Headers, one pair as well as several', async () => {
  const agent = tested(
    defineAgent({
      name: 'a',
      version: '1',
      onRequestHeaders: (request) => allow().withTag(...[...request.headers].map((pair) => pair.join('='))),
      onResponseHeaders: (response) => allow().withTag(...[...response.headers].map((pair) => pair.join('='))),
    }),
  );
  const pairs = [
    ['a', '1'],
    ['b', '2'],
  ] as const;
  for (const headers of [
    { a: '1', b: '2' },
    pairs,
    ['a', '1', 'b', '2'],
    new Headers(pairs.map(([...pair]) => pair)),
    new Map(pairs),
  ]) {
    const { audit } = await agent.request({ headers, response: { headers } });
    expect(audit.tags).toEqual(['a=1', 'b=2', 'a=1', 'b=2']);
  }
  expect((await agent.request({ headers: [['a', '1']] })).audit.tags).toEqual(['a=1']);
});

test('a refusal is the response of the client', async () => {
  const agent = tested(
    defineAgent({
      name: 'a',
      version: '1',
      onRequestHeaders({ path }) {
        if (path === '/login') return redirect('/in', 303);
        return path === '/human' ? challenge('captcha') : block(403, 'no').withBlockHeader('x-why', 'rule');
      },
    }),
  );
  const blocked = await agent.request({ response: { status: 200 } });
  expect(blocked.request).toBeUndefined();
  expect(blocked.response).toMatchObject({ status: 403, text: 'no' });
  expect(blocked.response?.headers.get('x-why')).toBe('rule');
  expect(blocked.response?.headers.get('content-type')).toBe('text/plain; charset=utf-8');
  expect((await agent.request({ uri: '/login' })).response?.headers.get('location')).toBe('/in');
  const asked = await agent.request({ uri: '/human' });
  expect(asked.response?.status).toBe(401);
  expect(asked.response?.headers.get('www-authenticate')).toBe('captcha');
  expect(JSON.parse(asked.response?.text ?? '')).toEqual({ challenge_type: 'captcha', params: {} });
});

test('time is what the test makes of it', async () => {
  const agent = tested(
    defineAgent({
      name: 'slow',
      version: '1',
      handlerTimeoutMs: 1000,
      onRequestHeaders: (_request, { clock }) =>
        new Promise((resolve) => void clock.setTimeout(() => resolve(allow().withTag('late')), 5000)),
    }),
  );
  const answer = agent.request();
  const settled = expect(answer).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
  await agent.advance(1100);
  await settled;
  expect(agent.logs).toMatchObject([{ level: 'error', to: 'agent', fields: { method: 'GET', path: '/' } }]);
});

test('log lines, failures and configurations can be asserted', async () => {
  const agent = tested(
    defineAgent({
      name: 'a',
      version: '1',
      onRequestHeaders(_request, context) {
        context.log('warn', 'a line', { rule: 7 });
        throw new Error('broken');
      },
      onConfigure: ({ config }) => (config === 'good' ? allow() : refuse('bad')),
    }),
  );
  await expect(agent.request()).rejects.toMatchObject({ code: 'ERR_HANDLER' });
  expect(agent.logs).toMatchObject([
    { level: 'error', to: 'agent', message: 'a handler failed' },
    { level: 'warn', to: 'proxy', message: 'a line', fields: { rule: '7' } },
  ]);
  expect((await agent.configure('good')).verdict.type).toBe('allow');
  expect((await agent.configure('other')).verdict).toMatchObject({ type: 'block', body: 'bad' });
});

test('an agent that takes chunks alone is asked about them', async () => {
  const agent = tested(
    defineAgent({
      name: 'a',
      version: '1',
      onRequestBodyChunk: ({ data }) => (data.includes(0) ? block(400) : allow()),
    }),
  );
  expect((await agent.request({ method: 'PUT', body: ['ab', '\0'] })).response?.status).toBe(400);
  expect((await agent.request({ method: 'PUT', body: ['ab', 'c'] })).request?.text).toBe('abc');
});

test('the error of a handler is the cause, each time, and no proxy gets its text', async () => {
  const boom = new TypeError('boom');
  const definition = defineAgent({
    name: 'a',
    version: '1',
    requestBody: true,
    async onRequestHeaders({ path }) {
      await Promise.resolve();
      if (path === '/body') return allow().transformBody(() => fail(boom));
      if (path === '/own') throw new AgentwireError('ERR_CONNECT', 'no database');
      throw boom;
    },
    onConfigure() {
      throw boom;
    },
  });
  const agent = tested(definition);
  for (const uri of ['/', '/', '/body'])
    await expect(agent.request({ method: 'POST', uri, body: 'b' }), uri).rejects.toMatchObject({
      code: 'ERR_HANDLER',
      message: "the agent could not decide: the agent's handler failed: boom",
      cause: boom,
    });
  await expect(agent.request({ uri: '/own', metadata: { requestId: 'r' } })).rejects.toThrow('no database');
  await expect(agent.configure('x')).rejects.toMatchObject({ code: 'ERR_HANDLER', cause: boom });
  const transport = createMemoryTransport();
  const server = await serveAgent(definition, { transports: [transport], listen: ['memory:a'] });
  onTestFinished(() => server.close());
  const self = { role: 'proxy', name: 'p', version: '1', features: FEATURES, encodings: ['json'] } as const;
  const session = await connectSession(transport, 'memory:a', { self });
  onTestFinished(() => session.close());
  const asked = session.open().ask({ type: 'requestHeaders', method: 'GET', uri: '/', headers: [] });
  await expect(asked).rejects.not.toThrow('boom');
});

// oxlint-disable-next-line require-yield -- it fails before the first chunk
async function* fail(error: Error): AsyncGenerator<string> {
  throw error;
}

test('a request and a response refuse members that they do not have', async () => {
  const agent = tested(defineAgent({ name: 'a', version: '1', onRequestHeaders: () => allow() }));
  await expect(agent.request({ path: '/x' } as never)).rejects.toThrow(
    'request has no option "path"; it knows method, uri, headers, body, metadata, response',
  );
  await expect(agent.request({ response: { code: 500 } as never })).rejects.toThrow('response has no option "code"');
});

test('cacheFor() outside onRequestHeaders is told', async () => {
  const cached = (): ReturnType<typeof allow> => allow().cacheFor(1_000, { vary: ['path'] });
  const agent = tested(defineAgent({ name: 'a', version: '1', onRequestHeaders: cached, onResponseHeaders: cached }));
  await agent.request();
  expect(agent.logs).toEqual([]);
  await agent.request({ response: {} });
  expect(agent.logs).toMatchObject([
    {
      level: 'warn',
      message: 'cacheFor() has no effect here: only decisions of onRequestHeaders are cached',
      fields: { handler: 'onResponseHeaders' },
    },
  ]);
});
