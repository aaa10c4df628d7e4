import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { type ClientHttp2Session, connect } from 'node:http2';
import { type AddressInfo, connect as dial } from 'node:net';
import { type Agent, allow, block, defineAgent, serveAgent } from '@agentwire/agent';
import { type Clock, systemClock } from '@agentwire/core';
import { createGateway, type GatewayOptions } from '@agentwire/gateway';
import { traceWith } from '@agentwire/metrics';
import { AgentPool, type AgentPoolOptions } from '@agentwire/pool';
import { createMemoryTransport } from '@agentwire/transport-memory';
import { trace } from '@opentelemetry/api';
import { afterAll, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { type SeenSpan, traced, treeOf } from './tracing.ts';

const { spans, open, reset, shutdown } = traced();
afterAll(() => shutdown());
beforeEach(() => reset());

const tracer = traceWith(trace.getTracer('proxy'));
const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';
const traceparent = `00-${TRACE_ID}-b7ad6b7169203331-01`;

async function listening(server: Server): Promise<string> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

interface Setup {
  readonly agents?: Readonly<Record<string, Agent>>;
  readonly upstream?: RequestListener;
  readonly options?: Partial<GatewayOptions>;
  readonly pool?: AgentPoolOptions;
}

/** Starts a traced gateway before traced agents in memory. @returns its URL */
async function start({ agents = {}, upstream, options, pool: poolOptions }: Setup): Promise<string> {
  const transport = createMemoryTransport();
  const pool = new AgentPool({ transports: [transport], connectionsPerAgent: 1, tracer, ...poolOptions });
  for (const [name, agent] of Object.entries(agents)) {
    const server = await serveAgent(agent, { transports: [transport], listen: [`memory:spans-${name}`], tracer });
    onTestFinished(() => server.close());
    await pool.addAgent(name, `memory:spans-${name}`);
  }
  const gateway = createGateway({
    pool,
    upstream: options?.upstreams
      ? undefined
      : await listening(createServer(upstream ?? ((_, out) => void out.end('up')))),
    agents: Object.keys(agents),
    tracer,
    ...options,
  });
  onTestFinished(async () => {
    await gateway.close();
    await pool.close();
  });
  return gateway.listen({ h2c: true });
}

/** Waits until every span has ended. @returns the sorted lines of their tree, and the span of the request */
async function ended(): Promise<{ lines: string[]; all: SeenSpan[]; root: SeenSpan | undefined }> {
  await vi.waitFor(() => {
    expect(spans()).not.toEqual([]);
    expect(open()).toEqual([]);
  });
  const all = spans();
  expect(new Set(all.map(({ traceId }) => traceId))).toEqual(new Set([TRACE_ID]));
  return {
    lines: treeOf(all).split('\n').toSorted(),
    all,
    root: all.find(({ parentId }) => parentId === 'b7ad6b7169203331'),
  };
}

const agentOf = (handlers: Omit<Parameters<typeof defineAgent>[0], 'name' | 'version'>): Agent =>
  defineAgent({ name: 'agent', version: '1', ...handlers });
const passing = agentOf({ onRequestHeaders: () => allow() });

test('a request over HTTP/2 has the spans and the attributes of one over HTTP/1.1, of the protocol that it came with', async () => {
  const url = await start({ agents: { a: passing } });
  const session: ClientHttp2Session = connect(url);
  onTestFinished(() => session.destroy());
  const stream = session.request({ ':path': '/two?secret', traceparent });
  stream.resume();
  await once(stream, 'close');
  const { lines, root, all } = await ended();
  expect(lines).toEqual(['    server agent/requestHeaders', '  client GET', '  client a/requestHeaders', 'server GET']);
  expect(root?.attributes).toMatchObject({
    'network.protocol.version': '2',
    'url.path': '/two',
    'http.response.status_code': 200,
  });
  expect(all.map(({ failed }) => failed)).not.toContain(true);
});

test('a block is a status of the server span and no failure, and nothing goes to the upstream', async () => {
  const url = await start({ agents: { a: agentOf({ onRequestHeaders: () => block(403) }) } });
  expect((await fetch(url, { headers: { traceparent } })).status).toBe(403);
  const { lines, root } = await ended();
  expect(lines).toEqual(['    server agent/requestHeaders', '  client a/requestHeaders', 'server GET']);
  expect(root).toMatchObject({
    failed: false,
    attributes: { 'http.response.status_code': 403, 'agentwire.outcome': 'blocked' },
  });
});

test('a status of the upstream fails its span from 400 on, and that of the request from 500 on', async () => {
  const url = await start({
    upstream: (request, response) => void response.writeHead(Number(request.url?.slice(1))).end(),
  });
  for (const [status, isError] of [
    [404, false],
    [503, true],
  ] as const) {
    reset();
    expect((await fetch(`${url}/${status}`, { headers: { traceparent } })).status).toBe(status);
    const { root, all } = await ended();
    const upstream = all.find(({ kind }) => kind === 2);
    expect(upstream).toMatchObject({
      failed: true,
      attributes: { 'error.type': `${status}`, 'http.response.status_code': status },
    });
    expect(root?.failed).toBe(isError);
    expect(root?.attributes['error.type']).toBe(isError ? '503' : undefined);
  }
});

test('a request whose end the gateway cannot report has a span that ends', async () => {
  const clock: Clock = {
    ...systemClock,
    now() {
      if (new Error('where').stack?.includes('reportRequest') === true) throw new Error('no time to report');
      return systemClock.now();
    },
  };
  const url = await start({ options: { clock, logger: false } });
  await fetch(url, { headers: { traceparent } }).then((response) => response.text(), String);
  const { root } = await ended();
  expect(root?.attributes).toMatchObject({ 'http.response.status_code': 200, 'agentwire.outcome': 'failed' });
});

test('an observed agent has spans of its own beside the obeyed one', async () => {
  const judged = Promise.withResolvers<void>();
  const shadow = agentOf({
    onRequestHeaders: async () => {
      await judged.promise;
      return block(403);
    },
  });
  const url = await start({
    agents: { a: passing, shadow },
    options: { agentSettings: { shadow: { mode: 'observe' } } },
  });
  expect((await fetch(url, { headers: { traceparent } })).status).toBe(200);
  expect(open()).toContain('shadow/requestHeaders');
  judged.resolve();
  const { lines, root } = await ended();
  expect(lines).toEqual([
    '    server agent/requestHeaders',
    '    server agent/requestHeaders',
    '  client GET',
    '  client a/requestHeaders',
    '  client shadow/requestHeaders',
    'server GET',
  ]);
  expect(root?.attributes['agentwire.outcome']).toBe('allowed');
});

test('a cached decision has the span of its event, and none of a handler', async () => {
  const caching = agentOf({ onRequestHeaders: () => allow().cacheFor(60_000, { vary: ['path'] }) });
  const url = await start({ agents: { a: caching }, pool: { decisionCache: {} } });
  const headers = { traceparent };
  expect((await fetch(url, { headers })).status).toBe(200);
  expect((await ended()).lines).toContain('    server agent/requestHeaders');
  reset();
  expect((await fetch(url, { headers })).status).toBe(200);
  const { lines, all } = await ended();
  expect(lines).toEqual(['  client GET', '  client a/requestHeaders', 'server GET']);
  expect(all.find(({ name }) => name === 'a/requestHeaders')?.attributes['agentwire.decision']).toBe('allow');
});

test('a request that is sent to another target has one span to the upstream, which counts the attempts', async () => {
  const cuts = await listening(createServer((request) => request.socket.destroy()));
  const up = await listening(createServer((_request, response) => response.end()));
  const targets = [cuts, up];
  const url = await start({
    options: { upstreams: { group: { targets, eject: false } }, routes: [{ upstream: 'group' }] },
  });
  const seen: SeenSpan[] = [];
  // the first target is taken in turn
  for (let at = 0; at < 2; at += 1) {
    reset();
    expect((await fetch(url, { headers: { traceparent } })).status).toBe(200);
    const { lines, all } = await ended();
    expect(lines).toEqual(['  client GET', 'server GET']);
    seen.push(...all.filter(({ kind }) => kind === 2));
  }
  const resent = seen.map(({ attributes }) => attributes['http.request.resend_count']);
  expect(new Set(resent)).toEqual(new Set([undefined, 1]));
  expect(seen.map(({ failed }) => failed)).toEqual([false, false]);
});

test.each([
  ['while an agent judges it', '/judged'],
  ['while the upstream answers it', '/sent'],
])('a client that leaves %s leaves no span open', async (_when, path) => {
  const reached = Promise.withResolvers<void>();
  const waits = agentOf({
    onRequestHeaders: (request, { signal }) => {
      if (request.uri !== '/judged') return allow();
      reached.resolve();
      return new Promise((resolve) => signal.addEventListener('abort', () => resolve(allow())));
    },
  });
  const url = await start({ agents: { a: waits }, upstream: () => reached.resolve() });
  const leaving = new AbortController();
  const answer = fetch(url + path, { headers: { traceparent }, signal: leaving.signal });
  await reached.promise;
  leaving.abort();
  await expect(answer).rejects.toThrow('abort');
  const { root, all } = await ended();
  expect(root?.attributes).not.toHaveProperty('http.response.status_code');
  expect(root?.attributes['agentwire.outcome']).toBe('cancelled');
  const last = all.find(({ name, kind }) => kind === 2 && name === (path === '/sent' ? 'GET' : 'a/requestHeaders'));
  expect(last).toMatchObject({ failed: true, attributes: { 'error.type': 'ERR_ABORTED' } });
});

test('a WebSocket has one span until it is closed, and those of each judged message under it', async () => {
  const upstream = createServer();
  upstream.on('upgrade', (_request, socket) => {
    socket.on('error', () => undefined);
    // RFC 6455 1.3: the answer to the key of the request below
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n',
    );
    socket.once('data', () => socket.end(Buffer.from([0x88, 0])));
  });
  const url = await start({
    agents: { a: agentOf({ onRequestHeaders: () => allow(), onWebSocketFrame: () => allow() }) },
    options: { upstream: await listening(upstream) },
  });
  const { hostname, port } = new URL(url);
  const client = dial(Number(port), hostname);
  onTestFinished(() => void client.destroy());
  client.write(
    `GET /chat HTTP/1.1\r\nhost: h\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\ntraceparent: ${traceparent}\r\n\r\n`,
  );
  const [head] = (await once(client, 'data')) as [Buffer];
  expect(head.toString()).toContain(' 101 ');
  expect(open()).toContain('GET');
  // a masked text "hi", and a masked close
  client.write(Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69]));
  client.end(Buffer.from([0x88, 0x80, 0, 0, 0, 0]));
  const { lines, root } = await ended();
  expect(lines).toEqual([
    '    server agent/requestHeaders',
    '    server agent/webSocketFrame',
    '  client GET',
    '  client a/requestHeaders',
    '  client a/webSocketFrame',
    'server GET',
  ]);
  expect(root?.attributes).toMatchObject({ 'http.response.status_code': 101 });
});
