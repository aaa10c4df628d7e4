import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { connect } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createGateway } from '@agentwire/gateway';
import { traceWith } from '@agentwire/metrics';
import { AgentPool } from '@agentwire/pool';
import { createGrpcTransport } from '@agentwire/transport-grpc';
import { createUdsTransport } from '@agentwire/transport-uds';
import { trace } from '@opentelemetry/api';
import { afterAll, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { type SeenSpan, traced, treeOf } from './tracing.ts';

const { spans, reset, shutdown } = traced();
afterAll(() => shutdown());
beforeEach(() => reset());

const tracer = traceWith(trace.getTracer('proxy'));
const head = (uri: string, traceparent?: string) =>
  ({
    type: 'requestHeaders',
    id: uri,
    method: 'GET',
    uri,
    headers: [],
    hasBody: false,
    ...(traceparent !== undefined && { metadata: { traceparent } }),
  }) as const;

/** Starts a service that handlers ask. @returns its URL and the requests that it got */
async function service(): Promise<{ url: string; requests: IncomingMessage[] }> {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    response.end('good');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests };
}

/** Starts the traced agent in a process of its own. @returns its endpoint, and the spans that ended there */
async function agentProcess(
  address: string,
  url: string,
): Promise<{ endpoint: string; spans: () => Promise<SeenSpan[]> }> {
  const child = fork(fileURLToPath(new URL('./traced-agent.ts', import.meta.url)), [address, url], {
    execArgv: ['--conditions=@agentwire/source'],
  });
  onTestFinished(async () => {
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  });
  const [{ endpoint }] = (await once(child, 'message')) as [{ endpoint: string }];
  return {
    endpoint,
    async spans() {
      const answer = once(child, 'message') as Promise<[{ spans: SeenSpan[] }]>;
      child.send('spans');
      return (await answer)[0].spans;
    },
  };
}

function unixAddress(): string {
  const folder = mkdtempSync(join(tmpdir(), 'aw-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return `unix:${join(folder, 'a.sock')}`;
}

describe.each([
  ['uds', unixAddress],
  ['grpc', () => 'grpc://127.0.0.1:0'],
])('spans over %s', (_name, address) => {
  async function start(): Promise<{ pool: AgentPool; requests: IncomingMessage[]; all: () => Promise<SeenSpan[]> }> {
    const { url, requests } = await service();
    const agent = await agentProcess(address(), url);
    const pool = new AgentPool({ transports: [createUdsTransport(), createGrpcTransport()], tracer });
    onTestFinished(() => pool.close());
    await pool.addAgent('rep', agent.endpoint);
    return { pool, requests, all: async () => [...spans(), ...(await agent.spans())] };
  }

  test('of a pool, a handler in another process and what the handler fetches are one trace', async () => {
    const { pool, requests, all } = await start();
    await tracer
      .startSpan('test', { kind: 'server', attributes: {} })
      ?.run(() => pool.decide('rep', head('/a'), { keep: true }));
    const seen = await all();
    expect(treeOf(seen)).toBe('client rep/requestHeaders\n  server reputation/requestHeaders\n    client GET');
    expect(new Set(seen.map(({ traceId }) => traceId)).size).toBe(1);
    const [client, server, fetched] = ['rep/requestHeaders', 'reputation/requestHeaders', 'GET'].map((name) =>
      seen.find((span) => span.name === name),
    );
    expect(client?.attributes).toMatchObject({
      'rpc.system.name': 'agentwire',
      'rpc.method': 'rep/requestHeaders',
      'agentwire.decision': 'allow',
    });
    // what the instrumentation of fetch sent, and what the handler was told
    expect(requests[0]?.headers['traceparent']).toBe(`00-${client?.traceId}-${fetched?.spanId}-01`);
    expect(requests[0]?.headers['x-handler-traceparent']).toBe(`00-${client?.traceId}-${server?.spanId}-01`);
  });

  test('come under the traceparent of the request, and of later events under that of the caller', async () => {
    const { pool, all } = await start();
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    const traceparent = `00-${traceId}-b7ad6b7169203331-01`;
    await pool.decide('rep', head('/b', traceparent), { keep: true });
    await pool.decide(
      'rep',
      { type: 'responseHeaders', id: '/b', status: 200, headers: [], hasBody: false },
      { traceparent },
    );
    const seen = await all();
    expect(new Set(seen.map((span) => span.traceId))).toEqual(new Set([traceId]));
    expect(seen.filter(({ name }) => name.startsWith('rep/')).map(({ parentId }) => parentId)).toEqual([
      'b7ad6b7169203331',
      'b7ad6b7169203331',
    ]);
    expect(seen.map(({ name }) => name)).toContain('reputation/responseHeaders');
  });

  test('are not recorded on either side for a trace that is not sampled, which is passed on as it is', async () => {
    const { pool, requests, all } = await start();
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    await pool.decide('rep', head('/c', `00-${traceId}-b7ad6b7169203331-00`));
    expect(await all()).toEqual([]);
    expect(requests[0]?.headers['x-handler-traceparent']).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-00$`));
  });

  test('of a gateway, its agent, what the handler fetches and the upstream are one trace, also for the response', async () => {
    const { pool, requests, all } = await start();
    const upstream = await service();
    const gateway = createGateway({ pool, upstream: upstream.url, agents: ['rep'], tracer });
    onTestFinished(() => gateway.close());
    const url = await gateway.listen({ h2c: true });
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    const headers = { traceparent: `00-${traceId}-b7ad6b7169203331-01`, tracestate: 'vendor=1' };
    expect((await fetch(`${url}/page?token=secret`, { headers })).status).toBe(200);
    const seen = await vi.waitFor(async () => {
      const now = await all();
      expect(now).toHaveLength(7);
      return now;
    });
    expect(new Set(seen.map((span) => span.traceId))).toEqual(new Set([traceId]));
    const expected = [
      'server GET',
      '  client rep/requestHeaders',
      '    server reputation/requestHeaders',
      '      client GET',
      // the wire has a traceparent in heads of requests only
      '    server reputation/responseHeaders',
      '  client rep/responseHeaders',
      '  client GET',
    ].toSorted();
    expect(treeOf(seen).split('\n').toSorted()).toEqual(expected);
    const root = seen.find(({ parentId }) => parentId === 'b7ad6b7169203331');
    expect(root).toMatchObject({ name: 'GET', kind: 1, failed: false });
    expect(root?.attributes).toMatchObject({
      'http.request.method': 'GET',
      'url.path': '/page',
      'http.response.status_code': 200,
      'agentwire.outcome': 'allowed',
    });
    expect(JSON.stringify(seen)).not.toContain('secret');
    const toUpstream = seen.find(
      ({ attributes }) => attributes['server.address'] === '127.0.0.1' && attributes['url.full'] === undefined,
    );
    expect(upstream.requests[0]?.headers['traceparent']).toBe(`00-${traceId}-${toUpstream?.spanId}-01`);
    expect(upstream.requests[0]?.headers['tracestate']).toBe('vendor=1');
    expect(requests).toHaveLength(1);

    const session = connect(url);
    onTestFinished(() => session.destroy());
    const other = '4bf92f3577b34da6a3ce929d0e0e4736';
    const stream = session.request({ ':path': '/page', traceparent: `00-${other}-b7ad6b7169203331-01` });
    await once(stream.resume(), 'close');
    const overHttp2 = await vi.waitFor(async () => {
      const now = (await all()).filter((span) => span.traceId === other);
      expect(now).toHaveLength(7);
      return now;
    });
    expect(treeOf(overHttp2).split('\n').toSorted()).toEqual(expected);
  });

  test('of a handler that throws have the code of the failure on both sides', async () => {
    const { pool, all } = await start();
    const decision = await pool.decide('rep', head('/throw'), { only: true });
    expect(decision.verdict.type).toBe('block');
    const seen = await vi.waitFor(async () => {
      const now = await all();
      expect(now).toHaveLength(2);
      return now;
    });
    expect(seen.map(({ failed, attributes }) => [failed, attributes['error.type']])).toEqual([
      [true, 'ERR_HANDLER'],
      [true, 'ERR_HANDLER'],
    ]);
  });
});

test('a tracer that throws or runs nothing changes nothing', async () => {
  const errors: string[] = [];
  const logger = {
    debug: () => undefined,
    info: () => undefined,
    warn: () => undefined,
    error: (_fields: object, message: string) => void errors.push(message),
  };
  const { url } = await service();
  const agent = await agentProcess(unixAddress(), url);
  const span = {
    traceparent: 'no traceparent',
    run: () => undefined as never,
    end: () => {
      throw new Error('end');
    },
  };
  for (const broken of [
    { startSpan: () => span },
    {
      startSpan: () => {
        throw new Error('start');
      },
    },
  ]) {
    const pool = new AgentPool({ transports: [createUdsTransport()], tracer: broken, logger });
    onTestFinished(() => pool.close());
    await pool.addAgent('rep', agent.endpoint);
    expect((await pool.request('rep', head('/d'), { only: true })).verdict.type).toBe('allow');
  }
  expect(errors).toContain('a tracer failed');
});
