import { Agent, createServer, type IncomingMessage, request as send, type RequestListener } from 'node:http';
import {
  connect,
  createServer as createHttp2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
} from 'node:http2';
import type { AddressInfo, Server } from 'node:net';
import { once } from 'node:events';
import { serve } from '@hono/node-server';
import { ALLOW, type Decision, type ProxyEvent } from '@agentwire/core';
import {
  agentFetch,
  agentMiddleware,
  type AgentMiddleware,
  fastifyAgents,
  honoAgents,
  koaAgents,
  type MiddlewareOptions,
} from '@agentwire/middleware';
import express from 'express';
import express4 from 'express4';
import createFastify from 'fastify';
import { Hono } from 'hono';
import Koa from 'koa';
import { describe, expect, expectTypeOf, onTestFinished, test } from 'vitest';
import { poolWith } from './setup.ts';

/** Returns a client's agent that keeps connections; they end after the test. */
function keeping(): Agent {
  const agent = new Agent({ keepAlive: true });
  onTestFinished(() => agent.destroy());
  return agent;
}

/**
 * Starts an application with the middleware in front of three routes under `/api`: `/echo` (method, url, headers and body as
 * JSON), `/secret` (a text that agents take out) and `/parsed` (a body that was parsed before the middleware).
 */
type Start = (options: MiddlewareOptions) => Promise<string>;

async function listening(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    if ('closeAllConnections' in server) (server as { closeAllConnections(): void }).closeAllConnections();
    return new Promise((resolve) => server.close(() => resolve()));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function text(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts).toString();
}

const plain: Start = (options) => {
  const agents = agentMiddleware(options);
  const routes: RequestListener = (request, response) => {
    if (request.url === '/api/secret') return void response.setHeader('x-app', '1').end('the secret');
    void text(request).then((body) => {
      response.setHeader('content-type', 'application/json').setHeader('x-app', '1');
      response.write(JSON.stringify({ url: request.url, waf: request.headers['x-waf'], body }));
      response.end();
    });
  };
  const failed = (response: Parameters<RequestListener>[1], error: unknown): void =>
    void response.writeHead(500).end(String((error as { code?: string }).code));
  return listening(
    createServer((request, response) => {
      const run = (): void =>
        agents(request, response, (error) =>
          error === undefined ? routes(request, response) : failed(response, error),
        );
      if (request.url === '/api/parsed') request.resume().on('end', run);
      else run();
    }),
  );
};

const withExpress =
  (create: typeof express): Start =>
  (options) => {
    const app = create();
    const router = create.Router();
    const parser = create.text({ type: '*/*' });
    router.post('/parsed', parser);
    router.use(agentMiddleware(options));
    router.get('/secret', (_request, response) => void response.set('x-app', '1').send('the secret'));
    router.use(parser, (request, response) => {
      const body = typeof request.body === 'string' ? request.body : '';
      response.set('x-app', '1').json({ url: request.url, waf: request.get('x-waf'), body });
    });
    app.use('/api', router);
    // oxlint-disable-next-line eslint/max-params -- Express takes a handler of errors by its four parameters
    app.use((error: { code?: string }, _request: unknown, response: express.Response, _next: unknown) => {
      response.status(500).send(String(error.code));
    });
    return listening(createServer(app));
  };

const fastify: Start = async (options) => {
  const app = createFastify();
  app.addHook('onRequest', async (request) => {
    if (request.url === '/api/parsed') await text(request.raw);
  });
  await app.register(fastifyAgents, options);
  app.setErrorHandler((error, _request, reply) => reply.code(500).send((error as { code?: string }).code));
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));
  app.addContentTypeParser('text/plain', { parseAs: 'string' }, (_request, body, done) => done(null, body));
  app.get('/api/secret', (_request, reply) => reply.header('x-app', '1').send('the secret'));
  app.all('/api/*', (request, reply) =>
    reply.header('x-app', '1').send({ url: request.url, waf: request.headers['x-waf'], body: request.body ?? '' }),
  );
  onTestFinished(() => app.close());
  return app.listen({ host: '127.0.0.1', port: 0 });
};

const koa: Start = (options) => {
  const app = new Koa();
  app.use(async (context, next) => {
    if (context.path === '/api/parsed') await text(context.req);
    try {
      await next();
    } catch (error) {
      context.status = 500;
      context.body = String((error as { code?: string }).code);
    }
  });
  app.use(koaAgents(options));
  app.use(async (context) => {
    context.set('x-app', '1');
    if (context.path === '/api/secret') context.body = 'the secret';
    else context.body = { url: context.url, waf: context.get('x-waf'), body: await text(context.req) };
  });
  app.on('error', () => undefined);
  const handle = app.callback();
  return listening(createServer((request, response) => void handle(request, response)));
};

const hono: Start = async (options) => {
  const app = new Hono().basePath('/api');
  app.use('/parsed', async (context, next) => {
    await context.req.text();
    await next();
  });
  app.onError((error, context) => context.text(String((error as { code?: string }).code), 500));
  app.use(honoAgents(options));
  app.get('/secret', (context) => context.text('the secret', 200, { 'x-app': '1' }));
  app.all('*', async (context) => {
    const body = await context.req.text();
    return context.json({ url: context.req.path, waf: context.req.header('x-waf'), body }, 200, { 'x-app': '1' });
  });
  const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' });
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
};

const APPLICATIONS: readonly [string, Start][] = [
  ['node:http', plain],
  ['Express 5', withExpress(express)],
  ['Express 4', withExpress(express4)],
  ['Fastify 5', fastify],
  ['Koa', koa],
  ['Hono', hono],
];

const block = (status: number, body: string): Decision => ({ ...ALLOW, verdict: { type: 'block', status, body } });
const set = (name: string, value: string): Pick<Decision, 'requestHeaders'> => ({
  requestHeaders: [{ op: 'set', name, value }],
});

describe.each(APPLICATIONS)('%s', (_name, start) => {
  test('agents see the url of the client, and the application what they passed', async () => {
    const seen: ProxyEvent[] = [];
    const pool = await poolWith((event) => {
      seen.push(event);
      return event.type === 'requestHeaders' ? { ...ALLOW, ...set('x-waf', 'pass') } : ALLOW;
    });
    const url = await start({ pool, agents: ['waf'] });
    const response = await fetch(`${url}/api/echo?a=b`, { headers: { 'x-own': '1', 'x-waf': 'forged' } });
    expect(response.status).toBe(200);
    expect(response.headers.get('x-app')).toBe('1');
    expect(await response.json()).toMatchObject({ waf: 'pass', body: '' });
    const [head] = seen;
    expect(head).toMatchObject({ type: 'requestHeaders', method: 'GET', uri: '/api/echo?a=b', hasBody: false });
    if (head?.type === 'requestHeaders') expect(head.metadata.clientIp).toBe('127.0.0.1');
  });

  test('a block is answered, with a body on its way too, and the application never runs', async () => {
    const pool = await poolWith(() => block(403, 'no'));
    const url = await start({ pool, agents: ['waf'] });
    for (const init of [{}, { method: 'POST', body: 'x'.repeat(1000) }]) {
      const response = await fetch(`${url}/api/echo`, init);
      expect([response.status, await response.text(), response.headers.get('x-app')]).toEqual([403, 'no', null]);
    }
  });

  test('a connection ends with the answer to a body that was not read whole, and the client is told', async () => {
    const decided = async (): Promise<Decision> => {
      // what came with the head has been parsed by then
      await new Promise((resolve) => setImmediate(resolve));
      return block(403, 'no');
    };
    const url = await start({ pool: await poolWith(decided), agents: ['waf'] });
    for (const [whole, connection] of [
      [false, 'close'],
      [true, 'keep-alive'],
    ] as const) {
      const client = send(`${url}/api/echo`, {
        method: 'POST',
        headers: { 'content-length': '4' },
        agent: keeping(),
      });
      client.on('error', () => undefined);
      if (whole) client.end('all4');
      else client.write('al');
      const [answer] = (await once(client, 'response')) as [IncomingMessage];
      expect([answer.statusCode, answer.headers.connection, await text(answer)]).toEqual([403, connection, 'no']);
      client.destroy();
    }
  });

  test('a body passes as agents decide: replaced, blocked, too long', async () => {
    const pool = await poolWith((event) => {
      if (event.type === 'requestHeaders') return { ...ALLOW, needsMore: true };
      if (event.type !== 'requestBodyChunk') return ALLOW;
      const body = Buffer.from(event.data).toString();
      if (body.includes('attack')) return block(422, 'bad body');
      return { ...ALLOW, requestBodyMutation: { data: Buffer.from(body.toUpperCase()), index: event.index } };
    });
    const url = await start({ pool, agents: ['waf'], maxBufferedBodyBytes: 10_000 });
    const post = (body: string): Promise<Response> =>
      fetch(`${url}/api/echo`, { method: 'POST', body, headers: { 'content-type': 'text/plain' } });
    expect(await (await post('straße')).json()).toMatchObject({ body: 'STRASSE' });
    expect((await post('an attack')).status).toBe(422);
    expect((await post('x'.repeat(20_000))).status).toBe(413);
    expect(await (await post('')).json()).toMatchObject({ body: '' });
  });

  test('a response is judged: its head, its body, and a block in its place', async () => {
    const pool = await poolWith((event) => {
      if (event.type === 'responseHeaders')
        return {
          ...ALLOW,
          needsMore: event.hasBody === true,
          responseHeaders: [{ op: 'set', name: 'x-judged', value: String(event.status) }],
        };
      if (event.type !== 'responseBodyChunk') return ALLOW;
      const body = Buffer.from(event.data).toString();
      if (body.includes('forbidden')) return block(451, 'not this');
      const data = Buffer.from(body.replace('secret', '[removed]'));
      return { ...ALLOW, responseBodyMutation: { data, index: event.index } };
    });
    const url = await start({ pool, agents: ['waf'] });
    const response = await fetch(`${url}/api/secret`);
    expect(await response.text()).toBe('the [removed]');
    expect([response.headers.get('x-judged'), response.headers.get('x-app')]).toEqual(['200', '1']);
    const blocked = await fetch(`${url}/api/echo`, {
      method: 'POST',
      body: 'forbidden',
      headers: { 'content-type': 'text/plain' },
    });
    expect([blocked.status, await blocked.text(), blocked.headers.get('x-app')]).toEqual([451, 'not this', null]);
  });

  test('agents learn the end of each request', async () => {
    const ends: ProxyEvent[] = [];
    const ended = Promise.withResolvers<void>();
    const pool = await poolWith((event) => {
      if (event.type === 'requestComplete') {
        ends.push(event);
        ended.resolve();
      }
      return ALLOW;
    });
    const url = await start({ pool, agents: ['waf'] });
    await (await fetch(`${url}/api/echo`)).text();
    await ended.promise;
    expect(ends).toMatchObject([{ status: 200 }]);
  });
});

test.each(APPLICATIONS)('%s: a body that was read before is an error', async (_name, start) => {
  const pool = await poolWith(() => ({ ...ALLOW, needsMore: true }));
  const url = await start({ pool, agents: ['waf'] });
  const response = await fetch(`${url}/api/parsed`, {
    method: 'POST',
    body: 'read',
    headers: { 'content-type': 'text/plain' },
  });
  expect([response.status, await response.text()]).toEqual([500, 'ERR_INVALID_STATE']);
});

test('the types take those of node:http2 by name, not because those of node:http have the same members today', () => {
  expectTypeOf<Extract<Parameters<AgentMiddleware>[0], Http2ServerRequest>>().toEqualTypeOf<Http2ServerRequest>();
  expectTypeOf<Extract<Parameters<AgentMiddleware>[1], Http2ServerResponse>>().toEqualTypeOf<Http2ServerResponse>();
});

test('the compatibility layer of node:http2', async () => {
  const seen: ProxyEvent[] = [];
  const pool = await poolWith((event) => {
    seen.push(event);
    if (event.type === 'requestHeaders') return { ...ALLOW, needsMore: true, ...set('x-waf', 'pass') };
    if (event.type === 'responseHeaders')
      return { ...ALLOW, responseHeaders: [{ op: 'set', name: 'x-judged', value: '1' }] };
    if (event.type === 'requestBodyChunk')
      return { ...ALLOW, requestBodyMutation: { data: Buffer.from('changed'), index: event.index } };
    return ALLOW;
  });
  const agents = agentMiddleware({ pool, agents: ['waf'] });
  const url = await listening(
    createHttp2Server((request, response) => {
      agents(request, response, () => {
        void text(request).then((body) => response.end(JSON.stringify({ waf: request.headers['x-waf'], body })));
      });
    }),
  );
  const session = connect(url);
  onTestFinished(() => session.destroy());
  const stream = session.request({ ':method': 'POST', ':path': '/a' });
  stream.end('given');
  const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
  expect(headers).toMatchObject({ ':status': 200, 'x-judged': '1' });
  expect(JSON.parse(await text(stream))).toEqual({ waf: 'pass', body: 'changed' });
  const [head] = seen;
  if (head?.type !== 'requestHeaders') throw new Error('no head');
  expect(head.headers.slice(0, 2)).toEqual(['host', new URL(url).host]);
  expect(head.headers.some((part) => part.startsWith(':'))).toBe(false);
});

test('outgoing fetch: judged, refused without being sent, and its response judged', async () => {
  const got: string[] = [];
  const url = await listening(
    createServer((request, response) => {
      void text(request).then((body) => {
        got.push(`${request.url} ${String(request.headers['x-waf'])} ${body}`);
        response.end('the secret');
      });
    }),
  );
  const pool = await poolWith((event) => {
    if (event.type === 'requestHeaders')
      return event.uri === '/bad'
        ? block(403, 'not there')
        : { ...ALLOW, needsMore: event.hasBody === true, ...set('x-waf', 'pass') };
    if (event.type === 'responseHeaders') return { ...ALLOW, needsMore: true };
    if (event.type === 'responseBodyChunk')
      return { ...ALLOW, responseBodyMutation: { data: Buffer.from('nothing'), index: event.index } };
    return ALLOW;
  });
  const judged = agentFetch({ pool, agents: ['waf'] });
  const response = await judged(`${url}/good`, { method: 'POST', body: 'sent' });
  expect(await response.text()).toBe('nothing');
  expect((await judged(`${url}/bad`)).status).toBe(403);
  expect(got).toEqual(['/good pass sent']);
  await expect(judged('http://127.0.0.1:1/')).rejects.toThrow();
});

test('options are checked', async () => {
  const pool = await poolWith(() => ALLOW);
  expect(() => agentMiddleware({} as never)).toThrow(/needs a pool/);
  expect(() => agentMiddleware({ pool, agent: ['waf'] } as never)).toThrow(/agents/);
  expect(() => koaAgents({ pool, maxBufferedBodyBytes: '1' as never })).toThrow(/maxBufferedBodyBytes/);
});
