import { once } from 'node:events';
import { createServer, type IncomingMessage, request as send } from 'node:http';
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2';
import { type AddressInfo, connect, type Server } from 'node:net';
import { ALLOW, type ProxyEvent } from '@agentwire/core';
import { agentMiddleware } from '@agentwire/middleware';
import express from 'express';
import { expect, onTestFinished, test } from 'vitest';
import { poolWith } from './setup.ts';

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => new Promise((resolve) => server.close(() => resolve())));
  return (server.address() as AddressInfo).port;
}

async function answerTo(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let answer = '';
  socket.setEncoding('latin1').on('data', (part: string) => (answer += part));
  socket.write(text, 'latin1');
  await once(socket, 'close');
  return answer;
}

/** An Express application with an agent that blocks `/admin`. */
async function guarded(): Promise<{ port: number; seen: string[] }> {
  const seen: string[] = [];
  const pool = await poolWith((event) => {
    if (event.type !== 'requestHeaders') return ALLOW;
    seen.push(event.uri);
    return event.uri === '/admin' ? { verdict: { type: 'block', status: 403 } } : ALLOW;
  });
  const app = express();
  app.use(agentMiddleware({ pool, agents: ['waf'] }));
  app.get('/admin', (_request, response) => void response.send('the admin page'));
  app.get('/', (_request, response) => void response.send('home'));
  return { port: await listening(createServer(app)), seen };
}

test.each([
  ['/admin', 403],
  ['http://other.test/admin', 403],
  ['HTTP://u@other.test:1/admin', 403],
  ['http://other.test', 200],
  ['/admin#x', 400],
  ['http://other.test/admin#', 400],
  ['/admin\u00A0', 400],
])('GET %s does not pass a rule for /admin', async (target, status) => {
  const { port, seen } = await guarded();
  const answer = await answerTo(port, `GET ${target} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n`);
  expect(answer.slice(0, 12)).toBe(`HTTP/1.1 ${status}`);
  expect(seen).toEqual(status === 400 ? [] : [status === 403 ? '/admin' : '/']);
});

test('two hosts are refused, whichever the application reads', async () => {
  const { port, seen } = await guarded();
  const answer = await answerTo(port, 'GET / HTTP/1.1\r\nHost: a.test\r\nHost: b.test\r\nConnection: close\r\n\r\n');
  expect(answer).toMatch(/^HTTP\/1\.1 400 /);
  expect(seen).toEqual([]);
});

test('HTTP/2: one host, cookies in one line, and a body that was reset is never complete', async () => {
  const seen: ProxyEvent[] = [];
  const begun = Promise.withResolvers<void>();
  const pool = await poolWith((event) => {
    seen.push(event);
    if (event.type === 'requestBodyChunk') begun.resolve();
    return { ...ALLOW, needsMore: true };
  });
  const agents = agentMiddleware({ pool, agents: ['waf'] });
  const paths: (string | undefined)[] = [];
  const failed = Promise.withResolvers<unknown>();
  const server = createHttp2Server((request, response) =>
    agents(request, response, (error) => {
      if (error === undefined) paths.push(request.url);
      else failed.resolve(error);
      response.end();
    }),
  );
  const session = connectHttp2(`http://127.0.0.1:${await listening(server)}`);
  onTestFinished(() => session.destroy());
  const status = async (headers: Record<string, string | string[]>): Promise<unknown> => {
    const stream = session.request(headers);
    const [head] = (await once(stream, 'response')) as [Record<string, unknown>];
    stream.resume();
    await once(stream, 'close');
    return head[':status'];
  };
  expect(await status({ ':path': '/two', ':authority': 'public.test', host: 'intern.test' })).toBe(400);
  expect(seen).toEqual([]);
  expect(await status({ ':path': '/one', ':authority': 'a.test', cookie: ['a=1', 'b=2'] })).toBe(200);
  expect(seen[0]).toMatchObject({ headers: ['host', 'a.test', 'cookie', 'a=1; b=2'] });

  const upload = session.request({ ':path': '/cut', ':method': 'POST' });
  upload.on('error', () => undefined);
  upload.write('half');
  await begun.promise;
  upload.close(8);
  expect(await failed.promise).toMatchObject({ code: 'ERR_ABORTED' });
  expect(paths).toEqual(['/one']);
});

test('a slow client of a judged response leaves no listeners behind', async () => {
  const pool = await poolWith((event) => (event.type === 'requestHeaders' ? ALLOW : { ...ALLOW, needsMore: true }));
  const agents = agentMiddleware({ pool, agents: ['waf'] });
  const most = { drain: 0, close: 0, error: 0 };
  let waits = 0;
  const server = createServer((request, response) => {
    const write = async (): Promise<void> => {
      response.on('drain', () => {
        waits += 1;
        for (const name of ['drain', 'close', 'error'] as const)
          most[name] = Math.max(most[name], response.listenerCount(name));
      });
      for (let count = 0; count < 200; count += 1)
        if (!response.write(Buffer.alloc(65_536))) await once(response, 'drain');
      response.end();
    };
    agents(request, response, () => void write());
  });
  const client = send({ port: await listening(server), host: '127.0.0.1' }).end();
  const [answer] = (await once(client, 'response')) as [IncomingMessage];
  let bytes = 0;
  for await (const part of answer) bytes += (part as Buffer).length;
  expect(bytes).toBe(200 * 65_536);
  expect(waits).toBeGreaterThan(20);
  for (const count of Object.values(most)) expect(count).toBeLessThan(10);
});
