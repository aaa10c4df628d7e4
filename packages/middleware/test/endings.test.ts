import { once } from 'node:events';
import { createServer, request as send, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ALLOW, type Decision, type ProxyEvent } from '@agentwire/core';
import { agentMiddleware, type MiddlewareOptions } from '@agentwire/middleware';
import { expect, onTestFinished, test } from 'vitest';
import { poolWith } from './setup.ts';

async function application(options: MiddlewareOptions, handler: RequestListener): Promise<string> {
  const agents = agentMiddleware(options);
  const server = createServer((request, response) =>
    agents(request, response, (error) => {
      if (error === undefined) handler(request, response);
      else response.writeHead(500).end();
    }),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(() => resolve()));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('a client that leaves within its body never reaches the application', async () => {
  const asked = Promise.withResolvers<void>();
  const pool = await poolWith((event) => {
    if (event.type === 'requestBodyChunk') asked.resolve();
    return { ...ALLOW, needsMore: true };
  });
  let ran = false;
  const url = await application({ pool, agents: ['waf'] }, (_request, response) => {
    ran = true;
    response.end();
  });
  const left = send(url, { method: 'POST', headers: { 'content-length': '10' } });
  left.on('error', () => undefined);
  left.write('half.');
  await asked.promise;
  left.destroy();
  // the next one shows that the first is over
  expect((await fetch(url)).status).toBe(200);
  expect(ran).toBe(true);
});

test('a body longer than an agent reads goes on as it comes, with its length', async () => {
  const pool = await poolWith((event) =>
    event.type === 'requestHeaders' ? { ...ALLOW, needsMore: true } : { ...ALLOW, needsMore: false },
  );
  const url = await application({ pool, agents: ['waf'], maxBufferedBodyBytes: 100_000 }, (request, response) => {
    let bytes = 0;
    request.on('data', (part: Buffer) => (bytes += part.length));
    request.on('end', () => response.end(`${bytes} of ${request.headers['content-length'] ?? 'unknown'}`));
  });
  const response = await fetch(url, { method: 'POST', body: 'x'.repeat(3_000_000) });
  expect(await response.text()).toBe('3000000 of 3000000');
});

test('a response that agents read passes as it is written, with back-pressure, and is cut by a late block', async () => {
  const seen: ProxyEvent[] = [];
  const pool = await poolWith((event) => {
    seen.push(event);
    if (event.type === 'responseHeaders') return { ...ALLOW, needsMore: true };
    if (event.type !== 'responseBodyChunk') return ALLOW;
    if (Buffer.from(event.data).includes('leak')) return { ...ALLOW, verdict: { type: 'block', status: 403 } };
    return { ...ALLOW, needsMore: true };
  });
  const url = await application({ pool, agents: ['waf'] }, (request, response) => {
    response.write('one ');
    const wait = request.url === '/slow' ? once(response, 'drain') : Promise.resolve();
    if (request.url === '/slow') response.write('x'.repeat(100_000));
    void wait.then(() => response.end(request.url === '/leak' ? 'a leak' : 'two'));
  });
  expect(await (await fetch(url)).text()).toBe('one two');
  const slow = await (await fetch(`${url}/slow`)).text();
  expect(slow).toBe(`one ${'x'.repeat(100_000)}two`);
  const leak = await fetch(`${url}/leak`).then(
    (response) => response.text().catch(() => 'cut'),
    () => 'cut',
  );
  expect(leak).not.toContain('leak');
  expect(seen.some(({ type }) => type === 'responseBodyChunk')).toBe(true);
});

test('blocks, and what could not be judged, are lines of the logger of the pool; what a failure policy decided is one of its own', async () => {
  const lines: [string, object, string][] = [];
  const note =
    (level: string) =>
    (fields: object, message: string): void =>
      void lines.push([level, fields, message]);
  const logger = { debug: () => undefined, info: () => undefined, warn: note('warn'), error: note('error') };
  const decide = (event: ProxyEvent): Decision => {
    if (event.type === 'requestHeaders' && event.uri === '/fail') throw new Error('broken');
    if (event.type === 'requestHeaders' && event.uri === '/bad?token=x')
      return { verdict: { type: 'block', status: 403 }, audit: { ruleIds: ['r1'], tags: ['t1'] } };
    if (event.type === 'responseHeaders' && event.status === 207) return { verdict: { type: 'block', status: 451 } };
    return { ...ALLOW, needsMore: event.type === 'requestHeaders' && event.method === 'POST' };
  };
  const pool = await poolWith(decide, undefined, { logger });
  const options = { pool, agents: ['waf'], maxBufferedBodyBytes: 4 };
  const url = await application(options, (_request, response) => response.writeHead(207).end());
  const status = async (path: string, init?: RequestInit): Promise<number> => (await fetch(url + path, init)).status;
  expect(await status('/bad?token=x')).toBe(403);
  expect(await status('/long', { method: 'POST', body: 'longer' })).toBe(413);
  expect(await status('/response')).toBe(451);
  expect(await status('/fail')).toBe(503);
  expect(lines.filter(([, , message]) => message.includes('failure policy'))).toHaveLength(1);
  expect(lines.filter(([, , message]) => !message.includes('failure policy'))).toMatchObject([
    [
      'warn',
      { method: 'GET', path: '/bad', agent: 'waf', status: 403, ruleIds: ['r1'], tags: ['t1'] },
      'an agent blocked a request',
    ],
    ['warn', { path: '/long', code: 'ERR_BODY_TOO_LARGE' }, expect.stringContaining('could not be judged')],
  ]);
});
