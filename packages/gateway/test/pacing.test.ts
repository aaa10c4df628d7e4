import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createManualClock } from '@agentwire/core/testing';
import { ALLOW } from '@agentwire/core';
import { createGateway, type GatewayOptions } from '@agentwire/gateway';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type RawClient, rawClient } from './raw-client.ts';
import { type Agents, setup } from './setup.ts';
import { passing } from './support/passing.ts';
import { type RawRequest, rawUpstream } from './support/raw-upstream.ts';

const GET = 'GET / HTTP/1.1\r\nhost: h\r\n\r\n';
const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';

/** Writes as fast as the socket takes it, without an end. */
function floods({ socket }: RawRequest): void {
  socket.write('HTTP/1.1 200 OK\r\n\r\n');
  const more = (): void => {
    while (!socket.destroyed && socket.write(Buffer.alloc(65_536)));
  };
  socket.on('drain', more);
  more();
}

async function unreadingClient(url: string, request = GET): Promise<RawClient> {
  const client = await rawClient(url);
  client.socket.removeAllListeners('data').pause();
  client.send(request);
  return client;
}

type Flooded = RawRequest['socket'];

/** Resolves once an upstream can write no more, because the gateway has stopped to read. */
async function stalled(socketOf: () => Flooded | undefined): Promise<void> {
  let written = -1;
  let unchanged = 0;
  await expect
    .poll(() => {
      const { bytesWritten = 0, writableNeedDrain } = socketOf() ?? {};
      unchanged = writableNeedDrain === true && bytesWritten === written ? unchanged + 1 : 0;
      written = bytesWritten;
      return unchanged;
    })
    .toBeGreaterThan(5);
}

describe('the upstream', () => {
  test('a request that waits for a connection is 503 after upstreamQueueTimeoutMs', async () => {
    const { origin } = await rawUpstream(({ socket }) => socket.write('HTTP/1.1 200 OK\r\n\r\nnever ends'));
    const { url } = await setup({}, { upstream: origin, upstreamConnections: 2, upstreamQueueTimeoutMs: 40 });
    const streams = await Promise.all([fetch(url), fetch(url)]);
    expect((await fetch(url)).status).toBe(503);
    expect((await fetch(url, { method: 'POST', body: 'x' })).status).toBe(503);
    for (const stream of streams) await stream.body?.cancel();
  });

  test('a queued request gets the connection that becomes free', async () => {
    const asked: RawRequest[] = [];
    const { origin } = await rawUpstream((request) => void asked.push(request));
    const { url } = await setup({}, { upstream: origin, upstreamConnections: 1 });
    const first = fetch(url);
    await expect.poll(() => asked.length).toBe(1);
    const second = fetch(url);
    asked[0]?.socket.write(OK);
    await (await first).text();
    await expect.poll(() => asked.length).toBe(2);
    asked[1]?.socket.write(OK);
    expect(await (await second).text()).toBe('ok');
    expect(asked.map(({ connection, served }) => [connection, served])).toEqual([
      [1, 1],
      [1, 2],
    ]);
  });

  test('a queued request whose client leaves is not sent', async () => {
    const asked: RawRequest[] = [];
    const { origin } = await rawUpstream((request) => void asked.push(request));
    const { url, ended } = await setup({}, { upstream: origin, upstreamConnections: 1 });
    const first = fetch(url);
    await expect.poll(() => asked.length).toBe(1);
    const leaving = new AbortController();
    const second = fetch(url, { signal: leaving.signal }).catch(() => 'left');
    leaving.abort();
    expect(await second).toBe('left');
    asked[0]?.socket.write(OK);
    await (await first).text();
    await ended(1);
    expect(asked.length).toBe(1);
  });

  test.each([
    ['is silent', ''],
    ['sends informational responses only', 'HTTP/1.1 102 Processing\r\n\r\n'],
  ])('one that %s is 504 after upstreamTimeoutMs', async (_what, text) => {
    const { origin } = await rawUpstream(({ socket }) => {
      const more = (): void => {
        if (socket.destroyed || text === '') return;
        socket.write(text, () => setImmediate(more));
      };
      more();
    });
    const { url } = await setup({}, { upstream: origin, upstreamTimeoutMs: 60 });
    expect((await fetch(url)).status).toBe(504);
  });

  test('the time in which the client sends its body does not count', async () => {
    const clock = createManualClock();
    const { origin } = await rawUpstream(({ socket }) => socket.write(OK));
    const { url } = await setup({}, { upstream: origin, upstreamTimeoutMs: 1_000, clock, minUploadBytesPerSecond: 0 });
    const client = await rawClient(url);
    client.send('POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 3\r\n\r\na');
    for (const part of ['b', 'c']) {
      for (let at = 0; at < 20; at++) {
        await new Promise((resolve) => setImmediate(resolve));
        clock.advance(200);
      }
      client.send(part);
    }
    await client.until(/ 200 OK/);
  });

  test('a response that has begun may be quiet for longer; past upstreamIdleTimeoutMs it is cut', async () => {
    const clock = createManualClock();
    const sockets: RawRequest['socket'][] = [];
    const { origin } = await rawUpstream(({ socket }) => {
      sockets.push(socket);
      socket.write('HTTP/1.1 200 OK\r\n\r\nfirst');
    });
    const options = { upstream: origin, upstreamTimeoutMs: 1_000, upstreamIdleTimeoutMs: 100_000, clock };
    const { url } = await setup({}, options);
    const client = await rawClient(url);
    client.send(GET);
    await client.until(/first/);
    for (let at = 0; at < 50; at++) clock.advance(1_000);
    sockets[0]?.write('second');
    await client.until(/second/);
    await passing(clock, once(client.socket, 'close'));
    expect(client.text).not.toContain('0\r\n\r\n');
  });
});

const READERS: [string, Agents][] = [
  ['no agent', {}],
  ['an agent that reads bodies', { reads: (event) => ({ ...ALLOW, needsMore: !('last' in event && event.last) }) }],
];

describe.each(READERS)('clients that do not read, %s', (_name, agents) => {
  test('are cut after clientStallTimeoutMs', async () => {
    const { origin } = await rawUpstream(floods);
    const { url, gateway, ended } = await setup(agents, { upstream: origin, clientStallTimeoutMs: 100 });
    for (let at = 0; at < 5; at++) await unreadingClient(url);
    await ended(5);
    await expect.poll(() => gateway.stats.active).toBe(0);
  });

  test('the slowest of them is evicted when every connection is taken', async () => {
    const clock = createManualClock();
    const floodsTo: Flooded[] = [];
    const { origin } = await rawUpstream((request) => {
      if (request.text.startsWith('GET /small')) return void request.socket.write(OK);
      floodsTo.push(request.socket);
      floods(request);
    });
    const { url, gateway, ended, summaries } = await setup(agents, {
      upstream: origin,
      upstreamConnections: 2,
      upstreamQueueTimeoutMs: 10_000,
      clientStallTimeoutMs: 600_000,
      clock,
    });
    await unreadingClient(url);
    await stalled(() => floodsTo[0]);
    const reading = await rawClient(url);
    reading.socket.removeAllListeners('data').resume();
    reading.send(GET);
    await once(reading.socket, 'data');
    const small = fetch(`${url}/small`);
    await expect.poll(() => gateway.stats.active).toBe(3);
    await passing(clock, ended(1));
    expect(summaries.map(({ outcome }) => outcome)).toEqual(['failed']);
    expect(await (await small).text()).toBe('ok');
    expect(reading.socket.closed).toBe(false);
  });
});

test('clients that stall one after the other are cut together where a request waits for a connection', async () => {
  const clock = createManualClock();
  const uploads: Flooded[] = [];
  const { origin } = await rawUpstream((request) => {
    if (request.text.startsWith('GET /small')) return void request.socket.write(OK);
    uploads.push(request.socket);
    floods(request);
  });
  const { url, gateway } = await setup(
    {},
    { upstream: origin, upstreamConnections: 3, upstreamQueueTimeoutMs: 60_000, clientStallTimeoutMs: 1_000, clock },
  );
  const pass = async (ms: number): Promise<void> => {
    for (let at = 0; at < ms; at += 50) {
      await new Promise((resolve) => setImmediate(resolve));
      clock.advance(50);
    }
  };
  for (const waitMs of [500, 700, 50]) {
    const at = uploads.length;
    await unreadingClient(url);
    await stalled(() => uploads[at]);
    await pass(waitMs);
  }
  const small = fetch(`${url}/small`).then(async (response) => {
    await response.text();
    return [response.status, gateway.stats.active];
  });
  await expect.poll(() => gateway.stats.active).toBe(4);
  expect(await passing(clock, small)).toEqual([200, 0]);
});

test('an answer of the gateway itself is cut after clientStallTimeoutMs too', async () => {
  const body = 'x'.repeat(20_000_000);
  const { url, gateway, ended } = await setup(
    { block: () => ({ verdict: { type: 'block', status: 403, body } }) },
    { clientStallTimeoutMs: 100 },
  );
  const client = await unreadingClient(url);
  await ended(1);
  client.socket.once('close', () => undefined);
  await expect.poll(() => gateway.stats.active).toBe(0);
});

describe('uploads', () => {
  test.each(READERS)('slower than minUploadBytesPerSecond are 408, %s', async (_name, agents) => {
    const clock = createManualClock();
    const { url } = await setup(agents, { clock });
    const client = await rawClient(url);
    client.send(`POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 100000\r\n\r\n${'x'.repeat(50_000)}`);
    await passing(clock, client.until(/^HTTP\/1\.1 408 [^]*240 bytes per second/));
  });

  test('that stop are closed 5 s after their answer, and those that go on after 30 s', async () => {
    const clock = createManualClock();
    const { gateway } = await setup({}, { clock, maxRequestBodyBytes: 10 });
    const server = createServer(gateway.handler).listen(0, '127.0.0.1');
    onTestFinished(() => void server.close());
    let readBytes = 0;
    server.on('connection', (socket) => socket.on('data', (chunk: Buffer) => (readBytes += chunk.length)));
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const [silent, busy] = [await rawClient(url), await rawClient(url)];
    const closedAt = new Map<string, number>();
    let sentBytes = 0;
    const send = (client: typeof busy, text: string): void => {
      client.send(text);
      sentBytes += text.length;
    };
    for (const [name, client] of Object.entries({ silent, busy })) {
      client.socket.once('close', () => closedAt.set(name, clock.now()));
      send(client, 'POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 9000000\r\n\r\nx');
      await client.until(/^HTTP\/1\.1 413 /);
    }
    while (clock.now() < 29_000) {
      send(busy, 'x');
      await expect.poll(() => readBytes).toBe(sentBytes);
      clock.advance(1_000);
      if (clock.now() === 6_000) await silent.closed();
    }
    await passing(clock, busy.closed());
    expect(closedAt.get('silent')).toBeLessThanOrEqual(6_000);
    expect(closedAt.get('busy')).toBeGreaterThanOrEqual(29_000);
  });

  test.each([
    ['send nothing', 0],
    ['send a little now and then', 20],
  ])('that %s are 408, the slowest first, when every connection is taken', async (_name, everyMs) => {
    const { origin } = await rawUpstream(({ socket }) => socket.write(OK));
    const options = { upstream: origin, upstreamConnections: 2, upstreamQueueTimeoutMs: 1_000 };
    const { url, gateway } = await setup({}, { ...options, minUploadBytesPerSecond: 0 });
    const clients = [await rawClient(url), await rawClient(url)];
    for (const [at, client] of clients.entries()) {
      client.send('POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 100000\r\n\r\nx');
      await expect.poll(() => gateway.stats.active).toBe(at + 1);
    }
    const trickle = setInterval(() => void (everyMs > 0 && clients[0]?.send('x')), 20);
    onTestFinished(() => clearInterval(trickle));
    expect(await (await fetch(`${url}/small`)).text()).toBe('ok');
    await clients[0]?.until(/^HTTP\/1\.1 408 [^]*the upload was too slow while others waited/);
    clients[1]?.send('x'.repeat(99_999));
    await clients[1]?.until(/ 200 OK/);
  });

  test('fast enough are not, and 0 is no limit', async () => {
    for (const minUploadBytesPerSecond of [240, 0]) {
      const clock = createManualClock();
      const { url } = await setup({}, { clock, minUploadBytesPerSecond });
      const client = await rawClient(url);
      client.send('POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 12000\r\n\r\n');
      const part = minUploadBytesPerSecond === 0 ? '' : 'x'.repeat(3_000);
      for (let at = 0; at < 3; at++) {
        client.send(part);
        for (let turn = 0; turn < 100; turn++) {
          await new Promise((resolve) => setImmediate(resolve));
          clock.advance(100);
        }
      }
      client.send('x'.repeat(12_000 - 3 * part.length));
      await client.until(/ 200 OK/);
    }
  });
});

test('a client address has no more than maxUpstreamConnectionsPerClient connections', async () => {
  const asked: string[] = [];
  const { origin } = await rawUpstream(({ socket, text }) => {
    asked.push(text);
    socket.write(OK.replace(': 2', ': 20'));
  });
  const { url } = await setup(
    {},
    {
      upstream: origin,
      trustForwarded: true,
      maxUpstreamConnectionsPerClient: 2,
      upstreamQueueTimeoutMs: 60,
    },
  );
  const from = (address: string): Promise<Response> =>
    fetch(url, { headers: { 'x-forwarded-for': `1.2.3.4, ${address}` } });
  const busy = [await from('10.0.0.1'), await from('10.0.0.1')];
  const [third, other] = await Promise.all([from('10.0.0.1'), from('10.0.0.2')]);
  expect([third.status, other.status, asked.length]).toEqual([503, 200, 3]);
  for (const response of [...busy, other]) await response.body?.cancel();
});

test.each([
  'upstreamTimeoutMs',
  'upstreamIdleTimeoutMs',
  'upstreamConnectTimeoutMs',
  'upstreamQueueTimeoutMs',
  'clientStallTimeoutMs',
  'minUploadBytesPerSecond',
  'maxUpstreamConnectionsPerClient',
])('%s is checked', (name) => {
  const pool = {} as GatewayOptions['pool'];
  for (const value of ['5000', -1, 1.5, Number.NaN, null])
    expect(() => createGateway({ pool, upstream: 'http://a', [name]: value })).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT', message: expect.stringContaining(name) as string }),
    );
});
