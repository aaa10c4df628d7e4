import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createHttps, type ServerOptions } from 'node:https';
import { type AddressInfo, createServer as createTcp, type Socket } from 'node:net';
import { createManualClock } from '@agentwire/core/testing';
import type { GatewayOptions, RouteOptions, UpstreamConfig } from '@agentwire/gateway';
import { describe, expect, onTestFinished, test } from 'vitest';
import { setup } from './setup.ts';
import { frameUpstream } from './support/frame-upstream.ts';
import { passing } from './support/passing.ts';
import { FLAG, FRAME, frame } from './support/raw-http2.ts';
import { rawUpstream } from './support/raw-upstream.ts';

const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';

async function serve(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const named = (name: string, more: RequestListener = () => undefined): Promise<string> =>
  serve(
    createServer((request, response) => {
      more(request, response);
      if (!response.writableEnded) response.end(name);
    }),
  );

/** A server that takes connections and says nothing. */
async function silent(): Promise<{ port: number; sockets: Socket[] }> {
  const sockets: Socket[] = [];
  const server = createTcp((socket) => {
    sockets.push(socket.on('error', () => undefined).resume());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, sockets };
}

const textOf = async (url: string, headers: Record<string, string> = {}): Promise<string> =>
  (await fetch(url, { headers })).text();

const grouped = async (
  config: UpstreamConfig,
  more: Partial<GatewayOptions> = {},
  route: RouteOptions = {},
): ReturnType<typeof setup> =>
  setup({}, { upstream: undefined, upstreams: { group: config }, routes: [{ upstream: 'group', ...route }], ...more });

describe('limits of one upstream, in place of those of the gateway', () => {
  test('connections and queueTimeoutMs: a request that waits longer is 503', async () => {
    const { origin } = await rawUpstream(({ socket }) => socket.write('HTTP/1.1 200 OK\r\n\r\nnever ends'));
    const clock = createManualClock();
    const { url } = await grouped({ targets: [origin], connections: 1, queueTimeoutMs: 1_000 }, { clock });
    const busy = await fetch(url);
    expect((await passing(clock, fetch(url))).status).toBe(503);
    await busy.body?.cancel();
  });

  test('maxConnectionsPerClient', async () => {
    const { origin } = await rawUpstream(({ socket }) => socket.write('HTTP/1.1 200 OK\r\n\r\nnever ends'));
    const clock = createManualClock();
    const config = { targets: [origin], maxConnectionsPerClient: 1, queueTimeoutMs: 1_000 };
    const { url } = await grouped(config, { clock, trustForwarded: true });
    const from = (client: string): Promise<Response> => fetch(url, { headers: { 'x-forwarded-for': client } });
    const busy = await from('10.0.0.1');
    expect((await passing(clock, from('10.0.0.1'))).status).toBe(503);
    const other = await from('10.0.0.2');
    expect(other.status).toBe(200);
    for (const response of [busy, other]) await response.body?.cancel();
  });

  test('timeoutMs: a target that does not answer is 504', async () => {
    const clock = createManualClock();
    const { url } = await grouped(
      { targets: [`http://127.0.0.1:${(await silent()).port}`], timeoutMs: 1_000 },
      { clock },
    );
    expect((await passing(clock, fetch(url))).status).toBe(504);
    expect(clock.now()).toBeLessThan(5_000);
  });

  test('connectTimeoutMs: a target that does not answer the TLS handshake is 504', async () => {
    // the time of the system: undici has this timer
    const config = {
      targets: [`https://127.0.0.1:${(await silent()).port}`],
      connectTimeoutMs: 20,
      timeoutMs: 80_000_000,
    };
    const { url } = await grouped(config, { upstreamTimeoutMs: 80_000_000 }, { retries: 0 });
    expect((await fetch(url)).status).toBe(504);
  });

  test('idleTimeoutMs: a response that stops is cut', async () => {
    const clock = createManualClock();
    const { origin } = await rawUpstream(({ socket }) => socket.write(OK.replace(': 2', ': 20')));
    const { url } = await grouped({ targets: [origin], idleTimeoutMs: 1_000 }, { clock });
    const response = await fetch(url);
    await expect(passing(clock, response.text())).rejects.toThrow();
    expect(clock.now()).toBeLessThan(5_000);
  });

  const keeping = async (seconds: number): Promise<{ origin: string; sockets: Socket[] }> => {
    const sockets: Socket[] = [];
    const { origin } = await rawUpstream(({ socket, served }) => {
      if (served === 1) sockets.push(socket);
      socket.write(OK.replace('\r\n\r\n', `\r\nkeep-alive: timeout=${seconds}\r\n\r\n`));
    });
    return { origin, sockets };
  };

  test('keepAliveTimeoutMs: an idle connection ends, also one that its server would keep for longer', async () => {
    const { origin, sockets } = await keeping(86_400);
    const { url } = await grouped({ targets: [origin], keepAliveTimeoutMs: 20 });
    expect(await textOf(url)).toBe('ok');
    const [first] = sockets;
    if (first?.destroyed === false) await once(first, 'close');
    expect(await textOf(url)).toBe('ok');
    expect(sockets).toHaveLength(2);
  });

  test('keepAliveTimeoutMs: a connection that its server keeps for a shorter time is not used again', async () => {
    const { origin, sockets } = await keeping(1);
    const { url } = await grouped({ targets: [origin], keepAliveTimeoutMs: 80_000_000 });
    expect([await textOf(url), await textOf(url), sockets.length]).toEqual(['ok', 'ok', 2]);
  });

  test('pingIntervalMs: a connection of HTTP/2 that is silent within a request is checked, and ends without an answer', async () => {
    const clock = createManualClock();
    // it answers no pings
    const target = await frameUpstream((socket, stream) => {
      const head = frame(FRAME.headers, FLAG.endHeaders, stream, Buffer.of(0x88));
      socket.write(Buffer.concat([head, frame(FRAME.data, 0, stream, Buffer.from('begun'))]));
    });
    const limits = { pingIntervalMs: 1_000, connectTimeoutMs: 1_000, idleTimeoutMs: 80_000_000 };
    const { url } = await grouped({ targets: [target], protocol: 'http2', ...limits }, { clock });
    const response = await fetch(url);
    await expect(passing(clock, response.text())).rejects.toThrow();
    expect(clock.now()).toBeLessThan(1_000_000);
  });
});

describe('the choice of a target', () => {
  const clients = Array.from({ length: 30 }, (_one, at) => `10.0.0.${at}`);

  test.each([
    ['clientIp', 'x-forwarded-for'],
    ['header:X-Tenant', 'x-tenant'],
  ])('consistentHash by %s sends one key to one target, and spreads the keys', async (hashOn, header) => {
    const targets = await Promise.all(['a', 'b', 'c'].map((name) => named(name)));
    const { url } = await grouped({ targets, balance: 'consistentHash', hashOn }, { trustForwarded: true });
    const ask = (): Promise<string[]> =>
      Promise.all(clients.map((value, at) => textOf(`${url}/${at}`, { [header]: value })));
    const first = await ask();
    expect(await ask()).toEqual(first);
    expect(new Set(first).size).toBe(3);
  });

  test('consistentHash hashes the address of the client where nothing is named, in shares of the weights', async () => {
    const [a, b] = await Promise.all([named('a'), named('b')]);
    const targets = [{ url: a, weight: 9 }, b];
    const { url } = await grouped({ targets, balance: 'consistentHash' }, { trustForwarded: true });
    const many = Array.from({ length: 200 }, (_one, at) => `10.0.${at}.1`);
    const got = await Promise.all(many.map((client) => textOf(url, { 'x-forwarded-for': client })));
    const share = got.filter((name) => name === 'a').length;
    // 180 of 200; the ports of the targets are part of the hash, so that the number differs from run to run
    expect(share).toBeGreaterThan(150);
    expect(share).toBeLessThan(200);
  });

  test('leastConnections counts requests for their weight', async () => {
    const waiting: (() => void)[] = [];
    const slow = (name: string): Promise<string> =>
      serve(createServer((_request, response) => void waiting.push(() => response.end(name))));
    const [a, b] = await Promise.all([slow('a'), slow('b')]);
    const { url } = await grouped({ targets: [{ url: a, weight: 3 }, b], balance: 'leastConnections' });
    const answers: Promise<string>[] = [];
    for (let one = 1; one <= 8; one += 1) {
      answers.push(textOf(url));
      await expect.poll(() => waiting.length).toBe(one);
    }
    waiting.forEach((answer) => answer());
    expect((await Promise.all(answers)).toSorted().join('')).toBe('aaaaaabb');
  });
});

describe('passive health checks', () => {
  test.each([502, 503, 504])(
    'answers of %s eject a target, and after ejectMs it gets requests again',
    async (status) => {
      const clock = createManualClock();
      let failing = true;
      const a = await named('a', (_request, response) => void (failing && (response.statusCode = status)));
      const b = await named('b');
      const { url, gateway } = await grouped({ targets: [a, b], eject: { failures: 2, ejectMs: 1_000 } }, { clock });
      const asked = async (count: number): Promise<string> => {
        let all = '';
        for (let one = 0; one < count; one += 1) all += await textOf(url);
        return all;
      };
      const state = (): unknown => gateway.stats.upstreams['group']?.[0]?.state;
      expect(await asked(7)).toBe('ababbbb');
      expect(state()).toBe('ejected');
      clock.advance(999);
      expect(await asked(1)).toBe('b');
      clock.advance(1);
      expect(state()).toBe('healthy');
      // it fails again, and is ejected for twice the time
      expect((await asked(5)).replaceAll('b', '')).toBe('aa');
      clock.advance(1_999);
      expect(state()).toBe('ejected');
      clock.advance(1);
      failing = false;
      expect(new Set(await asked(4))).toEqual(new Set(['a', 'b']));
      expect(state()).toBe('healthy');
    },
  );

  test('no answer in time ejects a target too', async () => {
    const clock = createManualClock();
    const targets = [`http://127.0.0.1:${(await silent()).port}`, await named('b')];
    const { url, gateway } = await grouped({ targets, timeoutMs: 1_000, eject: { failures: 1 } }, { clock });
    const first = passing(clock, fetch(url));
    expect((await first).status).toBe(504);
    expect(gateway.stats.upstreams['group']?.map(({ state }) => state)).toEqual(['ejected', 'healthy']);
    expect(await textOf(url)).toBe('b');
  });

  test('the last target is never ejected', async () => {
    const a = await named('a', (_request, response) => void (response.statusCode = 503));
    const { url, gateway } = await grouped({
      targets: [a, a.replace('127.0.0.1', 'localhost')],
      eject: { failures: 1 },
    });
    for (let one = 0; one < 4; one += 1) expect((await fetch(url)).status).toBe(503);
    expect(gateway.stats.upstreams['group']?.map(({ state }) => state).toSorted()).toEqual(['ejected', 'healthy']);
  });
});

const CERTIFICATES = new URL('../../transport-uds/test/certificates/', import.meta.url);
const pem = (name: string): string => readFileSync(new URL(name, CERTIFICATES), 'utf8');

describe('active health checks', () => {
  test('ask for the path with the host, and expect the status', async () => {
    const asked: string[] = [];
    let status = 299;
    const a = await named('a', ({ url = '', headers }, response) => {
      if (url !== '/up?full') return;
      asked.push(headers.host ?? '');
      response.statusCode = status;
    });
    const healthCheck = {
      path: '/up?full',
      host: 'a.test',
      status: 299,
      intervalMs: 10,
      unhealthyAfter: 1,
      healthyAfter: 1,
    };
    const { gateway } = await grouped({ targets: [a, await named('b')], healthCheck });
    const states = (): unknown => gateway.stats.upstreams['group']?.map((one) => one.state);
    // b answers 200, which is not the status
    await expect.poll(states).toEqual(['healthy', 'unhealthy']);
    status = 200;
    await expect.poll(states).toEqual(['unhealthy', 'unhealthy']);
    expect(new Set(asked)).toEqual(new Set(['a.test']));
  });

  const secure = async (more: ServerOptions = {}): Promise<{ url: string; names: unknown[] }> => {
    const names: unknown[] = [];
    const server = createHttps({ key: pem('server.key'), cert: pem('server.pem'), ...more }, (request, response) => {
      names.push((request.socket as Socket & { servername?: unknown }).servername);
      response.end('secure');
    });
    return { url: (await serve(server)).replace('http:', 'https:'), names };
  };

  test('and requests show the certificate of the gateway, and take the one of serverName', async () => {
    const { url: target, names } = await secure({ ca: pem('ca.pem'), requestCert: true, rejectUnauthorized: true });
    const tls = { ca: pem('ca.pem'), cert: pem('client.pem'), key: pem('client.key'), serverName: 'localhost' };
    const healthCheck = { path: '/', intervalMs: 10, unhealthyAfter: 1, healthyAfter: 1 };
    const { url, gateway } = await grouped({ targets: [target], tls, healthCheck });
    await expect.poll(() => names.length).toBeGreaterThan(1);
    expect(gateway.stats.upstreams['group']?.[0]?.state).toBe('healthy');
    expect(await textOf(url)).toBe('secure');
    expect(new Set(names)).toEqual(new Set(['localhost']));
    const other = await grouped({ targets: [target], tls: { ...tls, serverName: 'other.test' }, healthCheck });
    await expect.poll(() => other.gateway.stats.upstreams['group']?.[0]?.state).toBe('unhealthy');
  });
});
