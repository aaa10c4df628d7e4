import { once } from 'node:events';
import { connect, createServer as createHttp2Server } from 'node:http2';
import type { AddressInfo, Server } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { ALLOW, type ProxyEvent } from '@agentwire/core';
import { fastifyAgents, honoAgents, koaAgents, type MiddlewareOptions } from '@agentwire/middleware';
import createFastify from 'fastify';
import { Hono } from 'hono';
import Koa from 'koa';
import { expect, onTestFinished, test } from 'vitest';
import { poolWith } from './setup.ts';

/** Starts an application over HTTP/2 that answers with a header of the request and its body. @returns its port */
type Start = (options: MiddlewareOptions) => Promise<number>;

async function text(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts).toString();
}

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

const fastify: Start = async (options) => {
  const app = createFastify({ http2: true });
  await app.register(fastifyAgents, options);
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));
  app.all('/mount/*', (request, reply) => reply.send(`${String(request.headers['x-waf'])} ${String(request.body)}`));
  onTestFinished(() => app.close());
  await app.listen({ host: '127.0.0.1', port: 0 });
  return (app.server.address() as AddressInfo).port;
};

const koa: Start = (options) => {
  const app = new Koa();
  // a mount path is taken away, as koa-mount does
  app.use((context, next) => {
    context.path = context.path.replace('/mount', '');
    return next();
  });
  app.use(koaAgents(options));
  app.use(async (context) => {
    context.body = `${context.get('x-waf')} ${await text(context.req)}`;
  });
  const handle = app.callback();
  return listening(createHttp2Server((request, response) => void handle(request, response)));
};

const hono: Start = (options) => {
  const inner = new Hono();
  inner.use(honoAgents(options));
  inner.post('/upload', async (context) => context.text(`${context.req.header('x-waf')} ${await context.req.text()}`));
  const app = new Hono().route('/mount', inner);
  return listening(createHttp2Server(getRequestListener(app.fetch) as never));
};

test.each<[string, Start]>([
  ['Fastify 5', fastify],
  ['Koa', koa],
  ['Hono', hono],
])('%s over HTTP/2, under a mount path: head, body and response are judged', async (_name, start) => {
  const uris: string[] = [];
  const pool = await poolWith((event: ProxyEvent) => {
    if (event.type === 'requestHeaders') {
      uris.push(event.uri);
      if (event.uri.endsWith('blocked')) return { verdict: { type: 'block', status: 403, body: 'no' } };
      return { ...ALLOW, needsMore: true, requestHeaders: [{ op: 'set', name: 'x-waf', value: 'pass' }] };
    }
    if (event.type === 'requestBodyChunk')
      return { ...ALLOW, requestBodyMutation: { data: Buffer.from('changed'), index: event.index } };
    if (event.type === 'responseHeaders')
      return { ...ALLOW, responseHeaders: [{ op: 'set', name: 'x-judged', value: String(event.status) }] };
    return ALLOW;
  });
  const session = connect(`http://127.0.0.1:${await start({ pool, agents: ['waf'] })}`);
  onTestFinished(() => session.destroy());
  const post = async (path: string): Promise<unknown[]> => {
    const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': 'text/x-own' });
    stream.end('given');
    const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
    return [headers[':status'], headers['x-judged'], await text(stream)];
  };
  expect(await post('/mount/upload')).toEqual([200, '200', 'pass changed']);
  expect(await post('/mount/upload?blocked')).toEqual([403, undefined, 'no']);
  expect(uris).toEqual(['/mount/upload', '/mount/upload?blocked']);
});
