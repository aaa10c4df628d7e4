import { randomBytes } from 'node:crypto';
import { createServer, request as send, type IncomingMessage, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { Readable } from 'node:stream';
import { gunzipSync } from 'node:zlib';
import { ALLOW, type Decision, type ProxyEvent } from '@agentwire/core';
import { agentMiddleware } from '@agentwire/middleware';
import compression from 'compression';
import express, { type RequestHandler } from 'express';
import express4 from 'express4';
import session from 'express-session';
import onHeaders from 'on-headers';
import { expect, onTestFinished, test } from 'vitest';
import { poolWith } from './setup.ts';

async function listen(listener: RequestListener): Promise<number> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(() => resolve()));
  });
  return (server.address() as AddressInfo).port;
}

async function get(port: number, path: string, method = 'GET') {
  const headers = { 'accept-encoding': 'gzip' };
  const response = await new Promise<IncomingMessage>((resolve, reject) =>
    send({ port, host: '127.0.0.1', path, method, headers, agent: false }, resolve).on('error', reject).end(),
  );
  const bytes = await buffer(response);
  const { 'content-encoding': coding, 'set-cookie': cookies, 'x-late': late, vary } = response.headers;
  const body = coding === 'gzip' && bytes.length > 0 ? gunzipSync(bytes) : bytes;
  const cookieNames = cookies?.map((cookie) => cookie.split('=', 1)[0]);
  return { status: response.statusCode, body: body.toString('latin1'), coding, cookieNames, late, vary };
}

const judges = (): Decision => ALLOW;
const reads = ({ type }: ProxyEvent): Decision => ({ ...ALLOW, needsMore: type.startsWith('response') });

/** Counts the calls of `writeHead`, which a header shows. */
const counting: RequestHandler = (_request, response, next) => {
  const writeHead = response.writeHead.bind(response);
  let calls = 0;
  response.writeHead = function counted(this: typeof response, ...head: unknown[]) {
    calls += 1;
    this.setHeader('x-late', `${calls} ${String(this.getHeader('x-late') ?? '')}`.trim());
    return writeHead(...(head as [number]));
  };
  next();
};

const MIDDLEWARE: readonly [string, () => RequestHandler[]][] = [
  ['compression', () => [compression({ threshold: 0 })]],
  ['express-session', () => [session({ secret: 'x', resave: false, saveUninitialized: true })]],
  [
    'on-headers',
    () => [
      (_request, response, next) => {
        onHeaders(response, () => response.setHeader('x-late', 'heard'));
        next();
      },
      counting,
    ],
  ],
  ['all of them', () => MIDDLEWARE.slice(0, 3).flatMap(([, make]) => make())],
];

/** Routes that write a response in each way that there is. */
const ROUTES: Readonly<Record<string, RequestHandler>> = {
  '/end': (_request, response) => void response.type('txt').end('y'.repeat(30)),
  '/json': (_request, response) => void response.json({ a: 'x'.repeat(2000) }),
  '/head': (_request, response) => void response.writeHead(201, { 'content-type': 'text/plain' }).end('z'),
  '/empty': (_request, response) => void response.status(204).end(),
  '/stream': (_request, response) => {
    response.type('txt').write('one ');
    setImmediate(() => {
      response.write('two ');
      setImmediate(() => response.end('three'));
    });
  },
  '/flush': (_request, response) => {
    response.type('txt').flushHeaders();
    setImmediate(() => response.end('late'));
  },
};

function application(create: typeof express, chain: readonly RequestHandler[]): RequestListener {
  const app = create();
  for (const handler of chain) app.use(handler);
  for (const [path, handler] of Object.entries(ROUTES)) app.get(path, handler);
  return app;
}

test.each(
  [express, express4].flatMap((create, at) =>
    MIDDLEWARE.map(([name, make]) => [`Express ${5 - at}`, name, create, make] as const),
  ),
)('%s: %s before and behind agents does as without them', async (_version, _name, create, make) => {
  const bare = await listen(application(create, make()));
  for (const decide of [judges, reads]) {
    const agents = agentMiddleware({ pool: await poolWith(decide), agents: ['waf'] });
    const judged = [
      await listen(application(create, [agents, ...make()])),
      await listen(application(create, [...make(), agents])),
    ];
    for (const path of Object.keys(ROUTES))
      for (const method of ['GET', 'HEAD']) {
        const wanted = await get(bare, path, method);
        for (const port of judged)
          expect([path, method, await get(port, path, method)]).toEqual([path, method, wanted]);
      }
  }
});

test.each([
  ['before', true],
  ['behind', false],
])('compression %s agents takes a long body as fast as its client, in order', async (_where, isBefore) => {
  const text = randomBytes(1024 ** 2).toString('latin1');
  const pool = await poolWith(reads);
  const [agents, compress] = [agentMiddleware({ pool, agents: ['waf'] }), compression({ threshold: 0 })];
  const app = express();
  for (const handler of isBefore ? [compress, agents] : [agents, compress]) app.use(handler as RequestHandler);
  app.get('/long', (_request, response) => {
    const chunks = Array.from({ length: 64 }, (_, at) =>
      Buffer.from(text.slice(at * 16_384, (at + 1) * 16_384), 'latin1'),
    );
    Readable.from(chunks).pipe(response.type('txt'));
  });
  const { coding, body } = await get(await listen(app), '/long');
  expect([coding, body === text]).toEqual(['gzip', true]);
});

test('what replaces a response passes the middleware before agents once, and none behind them', async () => {
  const pool = await poolWith(({ type }) =>
    type === 'responseHeaders' ? { verdict: { type: 'block', status: 451, body: 'not this' } } : ALLOW,
  );
  const agents = agentMiddleware({ pool, agents: ['waf'] }) as RequestHandler;
  const port = await listen(application(express, [compression({ threshold: 0 }), counting, agents, counting]));
  for (const path of ['/end', '/stream', '/head'])
    expect(await get(port, path)).toMatchObject({ status: 451, coding: 'gzip', late: '1', body: 'not this' });
});

test('a route with agents of its own is judged by those around it too', async () => {
  const names: string[] = [];
  const judge = async (name: string): Promise<RequestHandler> => {
    const pool = await poolWith((event) => {
      if (event.type === 'responseHeaders') names.push(name);
      return reads(event);
    });
    return agentMiddleware({ pool, agents: ['waf'] }) as RequestHandler;
  };
  const port = await listen(application(express, [await judge('outer'), counting, await judge('inner')]));
  expect(await get(port, '/stream')).toMatchObject({ status: 200, body: 'one two three', late: '1' });
  expect(await get(port, '/json')).toMatchObject({ status: 200, late: '1' });
  expect(names).toEqual(['inner', 'outer', 'inner', 'outer']);
});
