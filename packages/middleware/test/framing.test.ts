import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Server } from 'node:net';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { serve } from '@hono/node-server';
import { ALLOW, type Decision, type ProxyEvent } from '@agentwire/core';
import { agentFetch, fastifyAgents, honoAgents, koaAgents, type MiddlewareOptions } from '@agentwire/middleware';
import createFastify from 'fastify';
import { Hono } from 'hono';
import { streamSSE, streamText } from 'hono/streaming';
import Koa from 'koa';
import { expect, onTestFinished, test } from 'vitest';
import { poolWith } from './setup.ts';

const reads = ({ type }: ProxyEvent): Decision => ({ ...ALLOW, needsMore: type.startsWith('response') });

async function listening(server: Server): Promise<number> {
  if (!server.listening) await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

async function raw(port: number, path: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.write(`GET ${path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n`);
  return text(socket);
}

const parts = (): Readable => Readable.from(['one ', 'two']);

type Start = (options: MiddlewareOptions) => Promise<number>;

/** Applications that answer `/stream` and `/sse` as a stream whose coding they set themselves. */
const APPLICATIONS: readonly [string, Start][] = [
  [
    'Hono',
    async (options) => {
      const app = new Hono();
      app.use(honoAgents(options));
      app.get('/stream', (context) => streamText(context, async (stream) => void (await stream.write('one two'))));
      app.get('/sse', (context) => streamSSE(context, async (stream) => stream.writeSSE({ data: 'one two' })));
      const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' });
      await once(server, 'listening');
      return listening(server);
    },
  ],
  [
    'Koa',
    (options) => {
      const app = new Koa();
      app.use(koaAgents(options));
      app.use((context) => {
        context.set('transfer-encoding', 'chunked');
        context.body = context.path === '/sse' ? 'one two' : parts();
      });
      const handle = app.callback();
      return listening(createServer((request, response) => void handle(request, response)));
    },
  ],
  [
    'Fastify',
    async (options) => {
      const app = createFastify();
      await app.register(fastifyAgents, options);
      app.get('/*', (request, reply) =>
        reply.header('transfer-encoding', 'chunked').send(request.url === '/sse' ? 'one two' : parts()),
      );
      await app.listen({ host: '127.0.0.1', port: 0 });
      onTestFinished(() => app.close());
      return (app.server.address() as AddressInfo).port;
    },
  ],
];

test.each(APPLICATIONS)('%s: a stream that agents read has one framing', async (_name, start) => {
  const port = await start({ pool: await poolWith(reads), agents: ['waf'] });
  for (const path of ['/stream', '/sse']) {
    const [head = '', body = ''] = (await raw(port, path)).split('\r\n\r\n', 2);
    expect(head).toMatch(/^HTTP\/1.1 200 /);
    expect(head.match(/^(?:content-length|transfer-encoding):/gim)).toHaveLength(1);
    expect(body).toContain('one ');
  }
});

test('outgoing fetch: a response that was read whole has no framing of its sender', async () => {
  const port = await listening(createServer((_request, response) => void parts().pipe(response)));
  const judged = agentFetch({ pool: await poolWith(reads), agents: ['waf'] });
  const response = await judged(`http://127.0.0.1:${port}/`);
  expect([await response.text(), response.headers.get('transfer-encoding')]).toEqual(['one two', null]);
});
