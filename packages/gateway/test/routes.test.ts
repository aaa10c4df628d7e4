import { createServer as createHttps } from 'node:https';
import { createServer, type RequestListener, type Server } from 'node:http';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Decision, ProxyEvent } from '@agentwire/core';
import { createGateway, type Gateway, type GatewayOptions, type UpstreamConfig } from '@agentwire/gateway';
import { AgentPool } from '@agentwire/pool';
import { describe, expect, onTestFinished, test } from 'vitest';
import { echo, setup } from './setup.ts';
import { exchange } from './raw-client.ts';

const allow = (more: Partial<Decision> = {}): Decision => ({ verdict: { type: 'allow' }, ...more });

async function serve(server: Server, where: number | string = 0): Promise<string> {
  await new Promise<void>((resolve) =>
    typeof where === 'string' ? server.listen(where, resolve) : server.listen(where, '127.0.0.1', resolve),
  );
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return typeof where === 'string' ? `unix:${where}` : `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A server that answers with its name. */
const named = (name: string, more: RequestListener = () => undefined): Promise<string> =>
  serve(
    createServer((request, response) => {
      more(request, response);
      if (!response.writableEnded) response.end(name);
    }),
  );

/** An address at which nothing listens. */
async function nowhere(): Promise<string> {
  const server = createServer();
  const url = await serve(server);
  await new Promise((resolve) => server.close(resolve));
  return url;
}

const folder = (): string => {
  const path = mkdtempSync(join(tmpdir(), 'gateway-'));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
};

const textOf = async (url: string, init?: RequestInit): Promise<string> => (await fetch(url, init)).text();

async function texts(url: string, count: number): Promise<string[]> {
  const all: string[] = [];
  for (let one = 0; one < count; one += 1) all.push(await textOf(url));
  return all;
}

describe('routes', () => {
  test('choose upstream, agents and rewriting; what matches none is 404 and asks no agent', async () => {
    const [a, b] = await Promise.all([named('a'), serve(createServer(echo))]);
    const asked: string[] = [];
    const agent =
      (name: string) =>
      (event: ProxyEvent): Decision => {
        if (event.type === 'requestHeaders') asked.push(`${name} ${event.uri}`);
        return allow();
      };
    const { url, summaries, ended } = await setup(
      { one: agent('one'), two: agent('two') },
      {
        agents: ['one'],
        upstream: undefined,
        upstreams: { a: { targets: [a] } },
        routes: [
          { name: 'a', pathPrefix: '/a', upstream: 'a', pipeline: ['two'] },
          { pathPrefix: '/b', upstream: b, rewritePrefix: '/v2', methods: ['POST'] },
        ],
      },
    );
    expect(await textOf(`${url}/a/x?y`)).toBe('a');
    expect(JSON.parse(await textOf(`${url}/b/x?y`, { method: 'POST', body: 'text' }))).toMatchObject({
      url: '/v2/x?y',
      body: 'text',
    });
    const none = await fetch(`${url}/b/x`);
    expect([none.status, await none.text()]).toEqual([404, 'Not Found']);
    expect((await fetch(`${url}/nothing`, { method: 'POST', body: 'x'.repeat(1_000) })).status).toBe(404);
    expect(asked).toEqual(['two /a/x?y', 'one /v2/x?y']);
    await ended(4);
    expect(summaries.map(({ route, uri, status }) => [route, uri, status])).toEqual([
      ['a', '/a/x?y', 200],
      ['route 2', '/b/x?y', 200],
      ['', '/b/x', 404],
      ['', '/nothing', 404],
    ]);
  });

  test('by host and by header; forwarded headers of a client that is not trusted choose none', async () => {
    const [a, b, c] = await Promise.all([named('a'), named('b'), named('c')]);
    const routes = [
      { headers: { 'x-forwarded-host': '*', 'x-admin': '1' }, upstream: a },
      { host: '*.a.test', headers: { 'x-canary': '1' }, upstream: b },
      { host: ['*.a.test', 'a.test'], upstream: c },
    ];
    const { url } = await setup({}, { upstream: undefined, routes });
    const ask = (...lines: string[]): Promise<string> =>
      exchange(url, `GET / HTTP/1.1\r\n${lines.join('\r\n')}\r\nconnection: close\r\n\r\n`).then((text) =>
        text.slice(-3).replaceAll(/\s/g, ''),
      );
    expect(await ask('host: x.a.test', 'x-canary: 1')).toMatch(/b$/);
    expect(await ask('host: x.A.test:80')).toMatch(/c$/);
    expect(await ask('host: a.test', 'x-canary: 1')).toMatch(/c$/);
    expect(await ask('host: b.test')).toMatch(/und$/);
    // x-forwarded-host is set by the gateway itself, from Host
    expect(await ask('host: b.test', 'x-admin: 1')).toMatch(/a$/);
  });

  test('a path that servers read differently is 400 where routes match paths', async () => {
    const { url } = await setup({}, { routes: [{ pathPrefix: '/' }] });
    expect(await exchange(url, 'GET /a/%2e%2e/admin HTTP/1.1\r\nhost: h\r\n\r\n')).toMatch(
      /^HTTP\/1\.1 400 [^]*the path is ambiguous/,
    );
    expect(
      await exchange((await setup({})).url, 'GET /a/../b HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n'),
    ).toMatch(/^HTTP\/1\.1 200 /);
  });

  test('have their own limits, body modes, and timeout and failure policy per agent', async () => {
    const release: (() => void)[] = [];
    onTestFinished(() => release.forEach((one) => one()));
    const slow = (event: ProxyEvent): Promise<Decision> | Decision =>
      event.type === 'requestHeaders' ? new Promise((resolve) => release.push(() => resolve(allow()))) : allow();
    const { url } = await setup(
      { slow },
      {
        routes: [
          { pathPrefix: '/open', agentSettings: { slow: { timeoutMs: 20, onFailure: 'open' } } },
          { pathPrefix: '/closed', agentSettings: { slow: { timeoutMs: 20 } } },
          { pathPrefix: '/small', maxRequestBodyBytes: 3, pipeline: [] },
        ],
      },
    );
    expect((await fetch(`${url}/open`)).status).toBe(200);
    expect((await fetch(`${url}/closed`)).status).toBe(503);
    expect((await fetch(`${url}/small`, { method: 'POST', body: 'abcd' })).status).toBe(413);
    expect((await fetch(`${url}/small`, { method: 'POST', body: 'abc' })).status).toBe(200);
  });
});

const grouped = async (config: UpstreamConfig, more: Partial<GatewayOptions> = {}): ReturnType<typeof setup> =>
  setup({}, { upstream: 'group', upstreams: { group: config }, ...more });

describe('an upstream of several targets', () => {
  test('gets requests in turn, in shares of the weights', async () => {
    const [a, b] = await Promise.all([named('a'), named('b')]);
    const { url } = await grouped({ targets: [{ url: a, weight: 2 }, b] });
    expect((await texts(url, 6)).join('')).toBe('abaaba');
  });

  test('leastConnections takes the one with the fewest requests', async () => {
    const waiting: (() => void)[] = [];
    const slow = await serve(createServer((_request, response) => void waiting.push(() => response.end('slow'))));
    const b = await named('b');
    const { url } = await grouped({ targets: [slow, b], balance: 'leastConnections' });
    const first = textOf(url);
    await expect.poll(() => waiting.length).toBe(1);
    expect((await texts(url, 4)).join('')).toBe('bbbb');
    waiting.forEach((one) => one());
    expect(await first).toBe('slow');
  });

  test('consistentHash sends one key to one target, and spreads the keys', async () => {
    const servers = await Promise.all(['a', 'b', 'c'].map((name) => named(name)));
    const config: UpstreamConfig = { targets: servers, balance: 'consistentHash', hashOn: 'path' };
    const { url } = await grouped(config);
    const first = await Promise.all(Array.from({ length: 30 }, (_, at) => textOf(`${url}/${at}`)));
    const again = await Promise.all(Array.from({ length: 30 }, (_, at) => textOf(`${url}/${at}?x`)));
    expect(again).toEqual(first);
    expect(new Set(first).size).toBe(3);
  });

  test('retries on another target where one cannot be reached, and then ejects it', async () => {
    const b = await named('b');
    const { url, gateway } = await grouped({ targets: [await nowhere(), b], eject: { failures: 2, ejectMs: 60_000 } });
    expect((await texts(url, 6)).join('')).toBe('bbbbbb');
    expect(gateway.stats.upstreams['group']?.map(({ state }) => state)).toEqual(['ejected', 'healthy']);
    expect(await (await fetch(url, { method: 'POST', body: 'x' })).text()).toBe('b');
  });

  test('a body that was not sent is sent to another target; without retries the client gets 502', async () => {
    const b = await serve(createServer(echo));
    const gone = await nowhere();
    const { url } = await grouped({ targets: [gone, b], eject: false });
    for (let one = 0; one < 4; one += 1) {
      const response = await fetch(url, { method: 'POST', body: 'text' });
      expect(await response.json()).toMatchObject({ body: 'text' });
    }
    const none = await setup(
      {},
      {
        upstream: undefined,
        upstreams: { g: { targets: [gone, b], eject: false } },
        routes: [{ upstream: 'g', retries: 0 }],
      },
    );
    const statuses = [(await fetch(none.url)).status, (await fetch(none.url)).status];
    expect(statuses.toSorted((low, high) => low - high)).toEqual([200, 502]);
  });

  test('a connection that is lost before the response is another attempt for GET, none for POST', async () => {
    let cut = 0;
    const broken = await serve(
      createServer((request) => {
        cut += 1;
        request.socket.destroy();
      }),
    );
    const b = await named('b');
    const { url } = await grouped({ targets: [broken, b], eject: false });
    expect(await textOf(url)).toBe('b');
    expect(cut).toBe(1);
    const posts = [
      (await fetch(url, { method: 'POST', body: 'x' })).status,
      (await fetch(url, { method: 'POST', body: 'x' })).status,
    ];
    expect(posts.toSorted((low, high) => low - high)).toEqual([200, 502]);
  });

  test('health checks take a target out and bring it back', async () => {
    let healthy = true;
    const a = await named('a', (request, response) => {
      if (request.url !== '/healthz') return;
      response.statusCode = healthy ? 200 : 500;
      response.end();
    });
    const b = await named('b');
    const healthCheck = { path: '/healthz', intervalMs: 10, healthyAfter: 1, unhealthyAfter: 2 };
    const { url, gateway } = await grouped({ targets: [a, b], healthCheck });
    const states = (): unknown => gateway.stats.upstreams['group']?.map(({ state }) => state);
    healthy = false;
    await expect.poll(states).toEqual(['unhealthy', 'healthy']);
    expect((await texts(url, 4)).join('')).toBe('bbbb');
    healthy = true;
    await expect.poll(states).toEqual(['healthy', 'healthy']);
    expect(new Set(await texts(url, 4))).toEqual(new Set(['a', 'b']));
  });

  test('a name is looked up again: new addresses get requests, old ones get none', async () => {
    const servers = ['127.0.0.1', '127.0.0.2'].map((address) =>
      createServer((_request, response) => response.end(address)),
    );
    const [first, second] = servers as [Server, Server];
    await new Promise<void>((resolve) => first.listen(0, '127.0.0.1', resolve));
    const { port } = first.address() as AddressInfo;
    await new Promise<void>((resolve) => second.listen(port, '127.0.0.2', resolve));
    onTestFinished(() => servers.forEach((server) => (server.closeAllConnections(), server.close())));
    let addresses = ['127.0.0.1'];
    const target = `http://servers.test:${port}`;
    const { url, gateway } = await grouped({
      targets: [target],
      resolveIntervalMs: 10,
      lookup: () => Promise.resolve(addresses),
    });
    const targets = (): unknown => gateway.stats.upstreams['group']?.map((one) => one.target);
    await expect.poll(targets).toEqual([`${target} (127.0.0.1)`]);
    expect(await textOf(url)).toBe('127.0.0.1');
    addresses = ['127.0.0.2'];
    await expect.poll(targets).toEqual([`${target} (127.0.0.2)`]);
    expect(await texts(url, 2)).toEqual(['127.0.0.2', '127.0.0.2']);
    // none is as good as no answer: the last ones stay
    addresses = [];
    expect(await textOf(url)).toBe('127.0.0.2');
  });

  test('all targets down: 502, and no request hangs', async () => {
    const { url } = await grouped({ targets: [await nowhere(), await nowhere()] });
    const response = await fetch(url);
    expect([response.status, await response.text()]).toEqual([502, 'Bad Gateway']);
  });

  test('the only target down: 502 for requests that are sent again to it, and for those that wait', async () => {
    const { url } = await grouped({ targets: [await nowhere()] }, { upstreamConnections: 1 });
    const statuses = await Promise.all([1, 2, 3].map(async () => (await fetch(url)).status));
    expect(statuses).toEqual([502, 502, 502]);
  });

  test('a Unix socket is a target', async () => {
    const address = await serve(createServer(echo), join(folder(), 'up.sock'));
    const { url } = await grouped({ targets: [address] });
    expect(await (await fetch(`${url}/x`)).json()).toMatchObject({ url: '/x' });
    const { url: plain } = await setup({}, { upstream: address });
    expect(await (await fetch(`${plain}/y`)).json()).toMatchObject({ url: '/y' });
  });
});

const CERTIFICATES = new URL('../../transport-uds/test/certificates/', import.meta.url);
const pem = (name: string): string => readFileSync(new URL(name, CERTIFICATES), 'utf8');

describe('TLS towards an upstream', () => {
  const secure = async (more: object = {}): Promise<string> => {
    const server = createHttps({ key: pem('server.key'), cert: pem('server.pem'), ...more }, (_request, response) =>
      response.end('secure'),
    );
    return (await serve(server)).replace('http:', 'https:').replace('127.0.0.1', 'localhost');
  };

  test('checks the certificate against the target, whatever Host the client sends', async () => {
    const { url } = await grouped({ targets: [await secure()], tls: { ca: pem('ca.pem') } });
    for (const host of ['localhost', 'other.test', '127.0.0.1'])
      expect(await exchange(url, `GET / HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`)).toMatch(
        /^HTTP\/1\.1 200 [^]*secure/,
      );
  });

  test('refuses an unknown authority, and one with another name', async () => {
    const target = await secure();
    for (const tls of [{}, { ca: pem('ca.pem'), serverName: 'other.test' }]) {
      const { url } = await grouped({ targets: [target], tls });
      // on one connection after the other
      expect((await fetch(url)).status).toBe(502);
      expect((await fetch(url)).status).toBe(502);
    }
    expect((await fetch((await grouped({ targets: [target], tls: { verify: false } })).url)).status).toBe(200);
  });

  test('shows a client certificate', async () => {
    const target = await secure({ ca: pem('ca.pem'), requestCert: true, rejectUnauthorized: true });
    const ca = pem('ca.pem');
    expect((await fetch((await grouped({ targets: [target], tls: { ca } })).url)).status).toBe(502);
    const tls = { ca, cert: pem('client.pem'), key: pem('client.key') };
    expect((await fetch((await grouped({ targets: [target], tls })).url)).status).toBe(200);
  });
});

test.each([
  [{ upstream: undefined }, 'upstream must be http://HOST:PORT'],
  [{ routes: [{ path: 'x' }] }, 'routes[0].path must be a path such as /api'],
  [{ routes: [{ path: '/a/../b' }] }, 'routes[0].path must be a path such as /api'],
  [{ routes: [{ pathPrefix: '/%61' }] }, 'routes[0].pathPrefix must be a path'],
  [{ routes: [{ path: '/a', pathRegex: '/b' }] }, 'routes[0] has path and pathRegex; give one of them'],
  [{ routes: [{ pathRegex: '(' }] }, 'routes[0].pathRegex is not in RE2 syntax'],
  [{ routes: [{ pathRegex: '(a)\\1' }] }, 'routes[0].pathRegex is not in RE2 syntax'],
  [{ routes: [{ rewritePrefix: '/' }] }, 'routes[0].rewritePrefix needs a pathPrefix'],
  [{ routes: [{ methods: ['get'] }] }, 'routes[0].methods[0] must be a method in capitals'],
  [{ routes: [{ host: 'a:80' }] }, 'routes[0].host must be a host name, *.NAME'],
  [{ routes: [{ headers: { 'a b': '1' } }] }, 'routes[0].headers: '],
  [{ routes: [{ hots: 'x' }] }, 'routes[0] has no option "hots"; it knows name, host'],
  [{ routes: [{ upstream: 'nope' }] }, 'routes[0].upstream must be http://HOST:PORT'],
  [
    { routes: [{ upstream: 'nope' }], upstreams: { a: { targets: ['http://h'] } } },
    'routes[0].upstream is "nope", but upstreams has a',
  ],
  [{ upstream: undefined, routes: [{}] }, 'routes[0] needs an upstream'],
  [{ upstreams: { a: {} } }, 'upstreams.a.targets is missing'],
  [{ upstreams: { a: { targets: [] } } }, 'upstreams.a.targets must name at least one target'],
  [{ upstreams: { a: { targets: ['x'] } } }, 'upstreams.a.targets[0] must be http://HOST:PORT'],
  [
    { upstreams: { a: { targets: [{ url: 'http://h', weight: 0 }] } } },
    'upstreams.a.targets[0].weight must be an integer from 1',
  ],
  [{ upstreams: { a: { targets: ['http://h'], hashOn: 'path' } } }, 'upstreams.a.hashOn has no effect without balance'],
  [
    { upstreams: { a: { targets: ['http://h'], tls: { cert: pem('client.pem') } } } },
    'upstreams.a.tls needs cert and key together',
  ],
  [{ upstreams: { a: { targets: ['http://h'], healthCheck: {} } } }, 'upstreams.a.healthCheck.path is missing'],
  [{ upstreams: { 'a b': { targets: ['http://h'] } } }, 'upstreams has the name "a b"'],
  [{ agentSettings: { waf: { timeoutMs: 0 } } }, 'agentSettings.waf.timeoutMs must be an integer from 1'],
])('%j is refused', (options, message) => {
  const create = (): unknown =>
    createGateway({ pool: new AgentPool(), upstream: 'http://127.0.0.1:1', ...options } as GatewayOptions);
  expect(create).toThrow(message);
});

/** A gateway whose only target is checked, and the reasons that it logs. */
async function checked(
  url: string,
  healthCheck: Partial<NonNullable<UpstreamConfig['healthCheck']>>,
  config: Partial<UpstreamConfig> = {},
): Promise<{ gateway: Gateway; reasons: unknown[] }> {
  const reasons: unknown[] = [];
  const quiet = (): void => undefined;
  const warn = ({ reason }: Readonly<Record<string, unknown>>): void => void reasons.push(reason);
  const check = { path: '/', intervalMs: 10, unhealthyAfter: 1, ...healthCheck };
  const { gateway } = await setup(
    {},
    {
      upstreams: { a: { targets: [url], healthCheck: check, ...config } },
      routes: [{ upstream: 'a' }],
      logger: { debug: quiet, info: quiet, warn, error: quiet },
    },
  );
  return { gateway, reasons };
}

test('a health check that cannot even be sent is a failed one, and ends no process', async () => {
  const url = await named('a');
  const { gateway, reasons } = await checked(url, { host: 'a\nb' });
  await expect.poll(() => gateway.stats.upstreams['a']?.[0]?.state).toBe('unhealthy');
  expect(reasons).toEqual(['ERR_INVALID_CHAR']);
});

test.each<[string, RequestListener, Partial<UpstreamConfig>, string]>([
  ['its status', (_request, response) => response.writeHead(500).end(), {}, 'status 500'],
  ['an error', (request) => request.socket.destroy(), {}, 'ECONNRESET'],
  ['an error of HTTP/2', () => undefined, { protocol: 'http2' }, 'ERR_HTTP2_ERROR'],
])('the log has the reason of failed health checks: %s', async (_what, onRequest, config, reason) => {
  const { reasons } = await checked(await serve(createServer(onRequest)), {}, config);
  await expect.poll(() => reasons, { timeout: 5_000 }).toEqual([reason]);
});

test('the log has the reason of failed health checks: no answer in time', async () => {
  const { reasons } = await checked(await serve(createServer(() => undefined)), { timeoutMs: 20 });
  await expect.poll(() => reasons, { timeout: 5_000 }).toEqual(['no answer in 20 ms']);
});
