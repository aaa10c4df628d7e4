import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { ALLOW, type Decision, EVENT_TYPES, type ProxyEvent } from '@agentwire/core';
import { createManualClock } from '@agentwire/core/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { exchange, rawClient } from './raw-client.ts';
import { setup } from './setup.ts';
import { open, refused, socketUpstream } from './web-socket-setup.ts';

const HEADS = EVENT_TYPES.filter((type) => type !== 'webSocketFrame');
const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const handshake = (more = '', path = '/'): string =>
  `GET ${path} HTTP/1.1\r\nhost: h\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: ${KEY}\r\n${more}\r\n`;

/** An agent that takes heads but no frames. */
function heads(on: (event: ProxyEvent) => Decision = () => ALLOW) {
  return { on, events: HEADS };
}

/** A server that answers each connection with a text, once something has come. */
async function answering(text: string): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end(text));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => new Promise<void>((resolve) => void server.close(() => resolve())));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('the handshake', () => {
  test('agents see it and change it, and the upstream gets what they saw; both heads are judged', async () => {
    const events: ProxyEvent[] = [];
    const upstream = await socketUpstream({ handleProtocols: () => 'chat' });
    const agent = heads((event) => {
      events.push(event);
      if (event.type === 'requestHeaders')
        return {
          ...ALLOW,
          requestHeaders: [{ op: 'set', name: 'x-user', value: 'ada' }],
          responseHeaders: [{ op: 'set', name: 'x-early', value: '1' }],
        };
      return event.type === 'responseHeaders'
        ? { ...ALLOW, responseHeaders: [{ op: 'set', name: 'x-late', value: '2' }] }
        : ALLOW;
    });
    const { url, summaries, ended, gateway } = await setup({ agent }, { upstream: upstream.url });
    const clientPromise = open(`${url}/chat?room=1`, { headers: { 'x-own': '1' } }, ['chat', 'other']);
    const client = await clientPromise;
    expect(client.socket.protocol).toBe('chat');
    client.send('hello');
    expect(await client.next()).toBe('echo hello');
    expect(gateway.stats).toMatchObject({ active: 1, webSockets: 1 });
    const [request] = upstream.requests;
    expect(request?.url).toBe('/chat?room=1');
    expect(request?.headers).toMatchObject({
      'x-user': 'ada',
      'x-own': '1',
      upgrade: 'websocket',
      connection: 'upgrade',
    });
    const [head, response] = events;
    if (head?.type !== 'requestHeaders' || response?.type !== 'responseHeaders') throw new Error('no heads');
    expect(head.headers.join(' ')).toMatch(/upgrade websocket/);
    expect([response.status, response.hasBody]).toEqual([101, false]);
    client.socket.close(1000, 'done');
    expect(await client.closed).toBe('1000 done');
    await ended(1);
    await upstream.until(() => upstream.closes.length === 1);
    expect(upstream.closes).toEqual(['1000 done']);
    expect(summaries[0]).toMatchObject({ status: 101, outcome: 'allowed', method: 'GET' });
    expect(summaries[0]?.requestBytes).toBe(11 + 12);
    expect(summaries[0]?.responseBytes).toBe(12 + 8);
    expect(events.at(-1)).toMatchObject({ type: 'requestComplete', status: 101 });
    expect(gateway.stats).toMatchObject({ active: 0, webSockets: 0 });
  });

  test('every verdict on the request and on the 101 is the answer', async () => {
    const upstream = await socketUpstream();
    const agent = heads((event) => {
      if (event.type === 'requestHeaders' && event.uri === '/block')
        return { verdict: { type: 'block', status: 403, body: 'no' } };
      if (event.type === 'requestHeaders' && event.uri === '/redirect')
        return { verdict: { type: 'redirect', status: 302, url: 'https://x.test/' } };
      if (event.type === 'requestHeaders' && event.uri === '/challenge')
        return { verdict: { type: 'challenge', challengeType: 'basic', params: {} } };
      if (event.type === 'responseHeaders') return { verdict: { type: 'block', status: 418 } };
      return ALLOW;
    });
    const { url, ended, summaries } = await setup({ agent }, { upstream: upstream.url });
    expect(await refused(`${url}/block`)).toMatchObject({ status: 403, body: 'no' });
    const redirect = await refused(`${url}/redirect`);
    expect([redirect.status, redirect.response.headers.location]).toEqual([302, 'https://x.test/']);
    expect((await refused(`${url}/challenge`)).status).toBe(401);
    expect(upstream.requests).toEqual([]);
    expect((await refused(`${url}/`)).status).toBe(418);
    await ended(4);
    await upstream.until(() => upstream.closes.length === 1);
    expect(summaries.map(({ outcome }) => outcome)).toEqual(['blocked', 'redirected', 'challenged', 'blocked']);
  });

  test('a response other than 101 is passed like any other', async () => {
    const upstream = await socketUpstream({ noServer: true, server: undefined as never });
    const { url, ended, summaries } = await setup({ agent: heads() }, { upstream: upstream.url });
    const text = await exchange(url, handshake());
    expect(text).toMatch(/^HTTP\/1.1 426 .*use a WebSocket/s);
    expect(text).toMatch(/\r\nx-plain: 1\r\n/);
    await ended(1);
    expect(summaries[0]).toMatchObject({ status: 426, outcome: 'allowed' });
  });

  test('an upstream that is not there, or answers another handshake, is 502; one that is silent 504', async () => {
    const wrong =
      'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: x\r\n\r\n';
    const closed = createServer();
    await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
    const { port } = closed.address() as AddressInfo;
    await new Promise((resolve) => closed.close(resolve));
    for (const upstream of [await answering(wrong), await answering('nonsense'), `http://127.0.0.1:${port}`]) {
      const { url } = await setup({ agent: heads() }, { upstream });
      expect(await exchange(url, handshake())).toMatch(/^HTTP\/1.1 502 /);
    }
    const silent = createServer((socket) => socket.on('error', () => undefined).resume());
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void silent.close());
    const { url } = await setup(
      { agent: heads() },
      { upstream: `http://127.0.0.1:${(silent.address() as AddressInfo).port}`, upstreamTimeoutMs: 50 },
    );
    expect(await exchange(url, handshake())).toMatch(/^HTTP\/1.1 504 /);
  });

  test.each([
    ['a key that is none', handshake().replace(KEY, 'short'), '400'],
    ['two keys', handshake(`sec-websocket-key: ${KEY}\r\n`), '400'],
    ['another version', handshake().replace(': 13', ': 8'), '426'],
    ['POST', handshake().replace('GET', 'POST'), '501'],
    ['HTTP/1.0', handshake().replace('HTTP/1.1', 'HTTP/1.0'), '501'],
    ['a body', `${handshake('content-length: 2\r\n')}hi`, '501'],
    ['no Connection: upgrade', handshake().replace('connection: Upgrade', 'connection: close'), '501'],
  ])('%s is refused: %s', async (_name, text, status) => {
    const upstream = await socketUpstream();
    const { url } = await setup({ agent: heads() }, { upstream: upstream.url });
    expect(await exchange(url, text)).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(upstream.requests).toEqual([]);
  });

  test('an upgrade to another protocol is a request like others, with its body and its connection', async () => {
    const { url } = await setup({ agent: heads() });
    const client = await rawClient(url);
    const h2c =
      'connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: x\r\ncontent-length: 2\r\n\r\nhi';
    client.send(`POST /a HTTP/1.1\r\nhost: h\r\n${h2c}`);
    expect(await client.until(/"body":"hi"/)).toMatch(/^HTTP\/1.1 200 /);
    client.send(`GET /b HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n`);
    expect(await client.closed()).toMatch(/"url":"\/b"/);
  });

  test('it waits for the answers before it on its connection, and frames that came early are passed', async () => {
    const upstream = await socketUpstream();
    const { url } = await setup({ agent: heads() }, { upstream: upstream.url });
    const client = await rawClient(url);
    const hi = Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69]).toString('latin1');
    client.send(`GET /first HTTP/1.1\r\nhost: h\r\n\r\n${handshake()}${hi}`);
    expect(await client.until(/echo hi/)).toMatch(/^HTTP\/1.1 426 .*HTTP\/1.1 101 .*echo hi$/s);
  });

  test('is refused past maxWebSockets, and with 0 of them', async () => {
    const upstream = await socketUpstream();
    const { url, gateway } = await setup({ agent: heads() }, { upstream: upstream.url, maxWebSockets: 1 });
    const client = await open(url);
    expect((await refused(url)).status).toBe(503);
    expect(gateway.stats.overloaded).toBe(1);
    client.socket.terminate();
    const none = await setup({ agent: heads() }, { upstream: upstream.url, maxWebSockets: 0 });
    expect(await exchange(none.url, handshake().replace('connection: Upgrade', 'connection: upgrade, close'))).toMatch(
      / 501 /,
    );
  });

  test('a client that leaves before the answer cancels the request', async () => {
    const silent = createServer((socket) => socket.on('error', () => undefined).resume());
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void silent.close());
    const { url, ended, summaries } = await setup(
      { agent: heads() },
      { upstream: `http://127.0.0.1:${(silent.address() as AddressInfo).port}` },
    );
    const client = await rawClient(url);
    client.send(handshake());
    await once(silent, 'connection');
    client.socket.end();
    await ended(1);
    expect(summaries[0]).toMatchObject({ outcome: 'cancelled', status: 0 });
  });
});

describe('what passes', () => {
  test('everything in both directions, with the extensions that both ends agreed on', async () => {
    const upstream = await socketUpstream({ perMessageDeflate: true });
    const { url } = await setup({ agent: heads() }, { upstream: upstream.url });
    const client = await open(url, { perMessageDeflate: true });
    expect(client.socket.extensions).toBe('permessage-deflate');
    const long = 'x'.repeat(3_000_000);
    client.send(long);
    expect((await client.next()).length).toBe(long.length + 5);
    const pong = once(client.socket, 'pong');
    client.socket.ping('p');
    expect(String((await pong)[0])).toBe('p');
  });

  test.each([
    ['passed', {}],
    ['judged', { agent: () => ALLOW }],
  ])('the WebSocket of browsers works, %s', async (_how, agents) => {
    const upstream = await socketUpstream({ perMessageDeflate: true, handleProtocols: () => 'chat' });
    const { url } = await setup(agents, { upstream: upstream.url });
    const socket = new globalThis.WebSocket(url.replace('http', 'ws'), ['chat', 'other']);
    socket.binaryType = 'arraybuffer';
    await once(socket, 'open');
    expect(socket.protocol).toBe('chat');
    const next = async (): Promise<unknown> => ((await once(socket, 'message')) as [{ data: unknown }])[0].data;
    const [text, long, bytes] = [next(), 'y'.repeat(100_000), Uint8Array.from([0, 255])];
    socket.send('hello');
    expect(await text).toBe('echo hello');
    const longer = next();
    socket.send(long);
    expect((await longer) === `echo ${long}`).toBe(true);
    const binary = next();
    socket.send(bytes);
    expect(new Uint8Array((await binary) as ArrayBuffer)).toEqual(bytes);
    const closed = once(socket, 'close');
    socket.close(4_000, 'done');
    const [event] = (await closed) as [Record<string, unknown>];
    expect(event).toMatchObject({ code: 4_000, reason: 'done', wasClean: true });
  });

  test('a client that does not read stops the upstream, and gets all of it later', async () => {
    const upstream = await socketUpstream();
    const { url } = await setup({ agent: heads() }, { upstream: upstream.url });
    const client = await open(url);
    client.socket.pause();
    const [server] = upstream.sockets;
    const part = Buffer.from(
      Array.from({ length: 4_096 }, (_, at) => String.fromCharCode(97 + (at % 23)))
        .join('')
        .repeat(256),
    );
    for (let count = 0; count < 40; count += 1) server?.send(part);
    await new Promise((resolve) => setImmediate(resolve));
    expect(server?.bufferedAmount).toBeGreaterThan(10 * 1024 ** 2);
    client.socket.resume();
    for (let count = 0; count < 40; count += 1) expect((await client.next()) === part.toString()).toBe(true);
  });

  test('the end of one side ends the other, whichever it is, and however it ends', async () => {
    const upstream = await socketUpstream();
    const { url, ended, summaries } = await setup({ agent: heads() }, { upstream: upstream.url });
    const first = await open(url);
    upstream.sockets[0]?.close(1001, 'restart');
    expect(await first.closed).toBe('1001 restart');
    await ended(1);
    const second = await open(url);
    upstream.sockets[1]?.terminate();
    expect(await second.closed).toBe('1006');
    await ended(2);
    const third = await rawClient(url);
    third.send(handshake());
    await third.until(/\r\n\r\n/);
    third.socket.resetAndDestroy();
    await ended(3);
    await upstream.until(() => upstream.closes.length === 3);
    expect(upstream.closes[2]).toBe('1006');
    expect(summaries.map(({ outcome }) => outcome)).toEqual(['allowed', 'allowed', 'cancelled']);
  });

  test('one on which nothing comes for webSocketIdleTimeoutMs is cut, and one with traffic is not', async () => {
    const upstream = await socketUpstream();
    const clock = createManualClock();
    const options = { upstream: upstream.url, clock, webSocketIdleTimeoutMs: 1_000 };
    const { url } = await setup({ agent: heads() }, options);
    const [idle, busy] = [await open(url), await open(url)];
    for (let round = 0; round < 8; round += 1) {
      busy.send('x');
      await busy.next();
      clock.advance(250);
    }
    expect(await idle.closed).toBe('1006');
    busy.send('y');
    expect(await busy.next()).toBe('echo y');
  });

  test('a drain waits for it until drainTimeoutMs, takes no new one, and cuts it then', async () => {
    const upstream = await socketUpstream();
    const clock = createManualClock();
    const { url, gateway } = await setup({ agent: heads() }, { upstream: upstream.url, clock });
    const client = await open(url);
    const raw = await rawClient(url);
    const drained = gateway.drain({ timeoutMs: 5_000 });
    raw.send(handshake());
    expect(await raw.closed()).toMatch(/^HTTP\/1.1 503 /);
    client.send('still');
    expect(await client.next()).toBe('echo still');
    clock.advance(5_000);
    expect(await client.closed).toBe('1006');
    await drained;
  });
});
