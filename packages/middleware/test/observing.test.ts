import { once } from 'node:events';
import { createServer, request as requestHttp, type IncomingMessage, type RequestListener } from 'node:http';
import { connect, createServer as createHttp2Server } from 'node:http2';
import type { AddressInfo, Server } from 'node:net';
import { serve } from '@hono/node-server';
import { ALLOW, type Decision, type ProxyEvent } from '@agentwire/core';
import { agentFetch, agentMiddleware, honoAgents, type MiddlewareOptions } from '@agentwire/middleware';
import { Hono } from 'hono';
import { expect, onTestFinished, test, vi } from 'vitest';
import { poolWith } from './setup.ts';

const REFUSED: Decision = { verdict: { type: 'block', status: 403 } };

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    if ('closeAllConnections' in server) (server as { closeAllConnections(): void }).closeAllConnections();
    return new Promise((resolve) => server.close(() => resolve()));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Options with an agent that observes and wants every body, and would block where `isBad` says so; and what it was shown. */
async function observed(isBad: (text: string) => boolean = () => false) {
  const bodies: Record<string, string> = {};
  const counted: string[] = [];
  const pool = await poolWith((event: ProxyEvent) => {
    if (event.type !== 'requestBodyChunk' && event.type !== 'responseBodyChunk')
      return { ...ALLOW, needsMore: true, requestHeaders: [{ op: 'set', name: 'x-waf', value: '1' }] };
    const text = (bodies[event.type] ?? '') + Buffer.from(event.data).toString();
    bodies[event.type] = event.last ? `${text}.` : text;
    return isBad(text) ? REFUSED : { ...ALLOW, needsMore: !event.last };
  });
  const record = pool.recordShadow.bind(pool);
  pool.recordShadow = (agent, verdicts) => {
    counted.push(`${verdicts.decided} ${verdicts.observed}`);
    record(agent, verdicts);
  };
  const options: MiddlewareOptions = { pool, agents: ['waf'], agentSettings: { waf: { mode: 'observe' } } };
  return { options, bodies, counted };
}

async function textOf(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts).toString();
}

/** Application that answers with the body of the request, in pieces that it writes over several turns. */
const echo: RequestListener = (request, response) =>
  void textOf(request).then(async (body) => {
    response.setHeader('x-app', String(request.headers['x-waf']));
    for (const piece of [body.slice(0, 3), body.slice(3)]) {
      await new Promise((resolve) => setImmediate(resolve));
      if (piece !== '' && !response.write(piece)) await once(response, 'drain');
    }
    response.end();
  });

function judged(options: MiddlewareOptions, application: RequestListener): RequestListener {
  const agents = agentMiddleware(options);
  return (request, response) =>
    agents(request, response, (error) => {
      if (error === undefined) application(request, response);
      else response.writeHead(500).end();
    });
}

test.each([
  ['a short body', 'some text'],
  ['a body that is longer than a chunk', 'y'.repeat(1.5 * 1024 ** 2)],
])('%s is shown to an agent that observes, and passes unchanged', async (_what, body) => {
  const { options, bodies, counted } = await observed((text) => text.includes('text'));
  const url = await listen(createServer(judged(options, echo)));
  const response = await fetch(url, { method: 'POST', body });
  expect([await response.text(), response.headers.get('x-app')]).toEqual([body, 'undefined']);
  const wouldBlock = body.includes('text');
  await vi.waitFor(() => expect(counted).toEqual([wouldBlock ? 'allow block' : 'allow allow']));
  expect(bodies['requestBodyChunk']).toBe(wouldBlock ? body : `${body}.`);
  if (!wouldBlock) expect(bodies['responseBodyChunk']).toBe(`${body}.`);
});

test('a body of HTTP/2 is shown', async () => {
  const { options, bodies, counted } = await observed();
  const url = await listen(createHttp2Server(judged(options, echo) as never));
  const session = connect(url);
  onTestFinished(() => session.destroy());
  const stream = session.request({ ':method': 'POST' });
  stream.write('one ');
  stream.end('two');
  expect(await textOf(stream)).toBe('one two');
  await vi.waitFor(() => expect(counted).toEqual(['allow allow']));
  expect(bodies).toEqual({ requestBodyChunk: 'one two.', responseBodyChunk: 'one two.' });
});

test('a body that comes slowly is shown as it comes, behind the head', async () => {
  const { options, bodies } = await observed();
  const url = await listen(createServer(judged(options, echo)));
  const request = requestHttp(url, { method: 'POST' });
  request.write('one ');
  await vi.waitFor(() => expect(bodies['requestBodyChunk']).toBe('one '));
  request.end('two');
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  expect(await textOf(response)).toBe('one two');
  await vi.waitFor(() => expect(bodies['responseBodyChunk']).toBe('one two.'));
});

test('beside an agent that judges the body, one that observes is shown it as the client sent it', async () => {
  const { options, bodies, counted } = await observed();
  const changes = await poolWith((event) => {
    if (event.type !== 'requestBodyChunk') return { ...ALLOW, needsMore: event.type === 'requestHeaders' };
    return { ...ALLOW, requestBodyMutation: { index: event.index, data: Buffer.from('CHANGED ') }, needsMore: false };
  });
  const both: MiddlewareOptions['pool'] = Object.assign(Object.create(options.pool) as MiddlewareOptions['pool'], {
    decide: (agent: string, ...rest: [never, never]) =>
      agent === 'judge' ? changes.decide('waf', ...rest) : options.pool.decide(agent, ...rest),
    handles: (agent: string, type: never) =>
      agent === 'judge' ? changes.handles('waf', type) : options.pool.handles(agent, type),
    sendRequestComplete: (agent: string, ...rest: [never]) =>
      agent === 'judge'
        ? changes.sendRequestComplete('waf', ...rest)
        : options.pool.sendRequestComplete(agent, ...rest),
    cancelRequest: (agent: string, id: string) =>
      agent === 'judge' ? changes.cancelRequest('waf', id) : options.pool.cancelRequest(agent, id),
    request: (agent: string, ...rest: [never, never]) => options.pool.request?.(agent, ...rest),
    recordShadow: (agent: string, verdicts: never) => options.pool.recordShadow?.(agent, verdicts),
  });
  const url = await listen(createServer(judged({ ...options, pool: both, agents: ['judge', 'waf'] }, echo)));
  const request = requestHttp(url, { method: 'POST' });
  request.write('first ');
  await vi.waitFor(() => expect(bodies['requestBodyChunk']).toBe('first '));
  request.end('rest');
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  expect(await textOf(response)).toBe('CHANGED rest');
  await vi.waitFor(() => expect(counted).toEqual(['allow allow']));
  expect(bodies).toEqual({ requestBodyChunk: 'first rest.', responseBodyChunk: 'CHANGED rest.' });
});

test('a body that was read before the middleware cannot be shown, which is counted', async () => {
  const { options, bodies, counted } = await observed();
  const agents = agentMiddleware(options);
  const url = await listen(
    createServer((request, response) => {
      request.resume().on('end', () => agents(request, response, () => response.end()));
    }),
  );
  expect((await fetch(url, { method: 'POST', body: 'gone' })).status).toBe(200);
  await vi.waitFor(() => expect(counted).toEqual(['allow dropped']));
  expect(bodies).toEqual({});
});

test('Hono: the body of a request is shown while it is read', async () => {
  const { options, bodies, counted } = await observed();
  const app = new Hono();
  app.use(honoAgents(options));
  app.post('/', async (context) => context.text(`got ${await context.req.text()}`));
  const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' });
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const response = await fetch(url, { method: 'POST', body: 'text' });
  expect([response.status, await response.text()]).toEqual([200, 'got text']);
  await vi.waitFor(() => expect(counted).toEqual(['allow dropped']));
  expect(bodies).toEqual({ requestBodyChunk: 'text.' });
});

test('an outgoing request keeps its length: an agent that observes is not shown its body', async () => {
  const { options, counted } = await observed();
  const url = await listen(
    createServer(
      (request, response) => void request.resume().on('end', () => response.end(request.headers['content-length'])),
    ),
  );
  const response = await agentFetch(options)(url, { method: 'POST', body: 'text' });
  expect(await response.text()).toBe('4');
  await vi.waitFor(() => expect(counted).toEqual(['allow dropped']));
});
