import { once } from 'node:events';
import {
  connect,
  createSecureServer,
  createServer,
  type Http2Server,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import { type IncomingMessage, request as requestHttp } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import {
  type AddressInfo,
  connect as connectTcp,
  createServer as createTcpServer,
  type Server,
  type Socket,
} from 'node:net';
import { createManualClock } from '@agentwire/core/testing';
import { ALLOW, type Decision, EVENT_TYPES, type ProxyEvent } from '@agentwire/core';
import type { GatewayOptions, UpstreamConfig } from '@agentwire/gateway';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { makeIdentity } from '../../transport-grpc/test/support/certificates.ts';
import { type Agents, setup } from './setup.ts';
import { frameUpstream } from './support/frame-upstream.ts';
import { passing } from './support/passing.ts';

type OnStream = (
  stream: ServerHttp2Stream,
  headers: Readonly<Record<string, string | string[] | undefined>>,
  session: ServerHttp2Session,
) => void;

interface Target {
  readonly port: number;
  readonly sessions: ServerHttp2Session[];
}

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

function sessionsOf(server: Http2Server, onStream: OnStream): ServerHttp2Session[] {
  const sessions: ServerHttp2Session[] = [];
  server.on('session', (session) => {
    sessions.push(session);
    session.on('error', () => undefined);
    onTestFinished(() => session.destroy());
    session.on('stream', (stream, headers) => {
      stream.on('error', () => undefined);
      onStream(stream, headers, session);
    });
  });
  return sessions;
}

/** Returns a frame of HTTP/2. */
function frame(type: number, flags: number, id: number, body = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(body.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(id, 5);
  return Buffer.concat([head, body]);
}

/** Server of HTTP/2 that answers each request with the given frames. @returns its port */
async function frameTarget(answer: (id: number) => Buffer[]): Promise<number> {
  const origin = await frameUpstream((socket, id) => socket.write(Buffer.concat(answer(id))));
  return Number(new URL(origin).port);
}

async function target(onStream: OnStream, settings: Parameters<typeof createServer>[0] = {}): Promise<Target> {
  const server = createServer(settings);
  const sessions = sessionsOf(server, onStream);
  return { port: await listening(server), sessions };
}

async function gatewayTo(
  port: number,
  config: Partial<UpstreamConfig> = {},
  options: Partial<GatewayOptions> = {},
  agents: Agents = { waf: () => ALLOW },
): ReturnType<typeof setup> {
  const upstream: UpstreamConfig = { targets: [`http://127.0.0.1:${port}`], protocol: 'http2', ...config };
  return setup(agents, { upstream: 'api', upstreams: { api: upstream }, ...options }, undefined, {
    h2c: true,
  });
}

const answerAll: OnStream = (stream, headers) => {
  stream.respond({ ':status': 200, 'set-cookie': ['a=1', 'b=2'] });
  stream.end(JSON.stringify(headers));
};

test('clients of HTTP/1.1 reach an upstream of HTTP/2, on one connection', async () => {
  const { port, sessions } = await target(answerAll);
  const { url } = await gatewayTo(port);
  const answers = await Promise.all(
    Array.from({ length: 20 }, async (_one, at) => {
      const response = await fetch(`${url}/a?b=${at}`, {
        method: 'PUT',
        body: 'x'.repeat(at),
        headers: { 'x-own': '1' },
      });
      expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
      return (await response.json()) as Record<string, string>;
    }),
  );
  expect(answers[7]).toMatchObject({
    ':method': 'PUT',
    ':path': '/a?b=7',
    ':scheme': 'http',
    ':authority': new URL(url).host,
    'content-length': '7',
    'x-own': '1',
    'x-forwarded-for': '127.0.0.1',
  });
  expect(Object.keys(answers[7] ?? {})).not.toContain('connection');
  expect(sessions).toHaveLength(1);
});

test('large bodies pass both ways', async () => {
  const { port } = await target((stream) => {
    stream.respond({ ':status': 200 });
    stream.pipe(stream);
  });
  const { url } = await gatewayTo(port);
  const body = Buffer.alloc(3_000_000, 'abc');
  const response = await fetch(url, { method: 'POST', body });
  expect(Buffer.from(await response.arrayBuffer()).equals(body)).toBe(true);
});

test('HEAD, 204, 304, and a response that is its head', async () => {
  const { port } = await target((stream, { ':path': path }) => {
    const length = path === '/204' ? {} : { 'content-length': '5' };
    stream.respond({ ':status': Number(String(path).slice(1)), ...length }, { endStream: true });
  });
  const { url } = await gatewayTo(port);
  expect((await fetch(`${url}/200`, { method: 'HEAD' })).headers.get('content-length')).toBe('5');
  expect((await fetch(`${url}/204`)).status).toBe(204);
  expect((await fetch(`${url}/304`)).status).toBe(304);
});

test('streams past what the target allows go to further connections, and wait past those', async () => {
  const waiting: (() => void)[] = [];
  let most = 0;
  let open = 0;
  const { port, sessions } = await target(
    (stream) => {
      open += 1;
      most = Math.max(most, open);
      waiting.push(() => {
        open -= 1;
        stream.respond({ ':status': 200 });
        stream.end('done');
      });
      asked?.();
    },
    { settings: { maxConcurrentStreams: 2 } },
  );
  let asked: (() => void) | undefined;
  const { url } = await gatewayTo(port, { connections: 2, maxStreamsPerConnection: 4 });
  const answers = Array.from({ length: 7 }, async () => (await fetch(url)).text());
  const until = async (count: number): Promise<void> => {
    for (;;) {
      if (waiting.length >= count) return;
      await new Promise<void>((resolve) => (asked = resolve));
    }
  };
  // all that may be open at once
  await until(4);
  for (let done = 0; done < 7; done++) {
    await until(1);
    waiting.shift()?.();
  }
  expect(await Promise.all(answers)).toEqual(Array.from({ length: 7 }, () => 'done'));
  expect(sessions).toHaveLength(2);
  expect(most).toBe(4);
});

describe('ends of connections', () => {
  test('after GOAWAY streams end, and the next request gets a new connection', async () => {
    const first = Promise.withResolvers<ServerHttp2Stream>();
    const { port, sessions } = await target((stream, headers) => {
      if (headers[':path'] !== '/slow') return answerAll(stream, headers, stream.session as ServerHttp2Session);
      first.resolve(stream);
    });
    const { url } = await gatewayTo(port);
    const slow = fetch(`${url}/slow`);
    const stream = await first.promise;
    sessions[0]?.goaway(0);
    await new Promise<void>((resolve) => sessions[0]?.ping(() => resolve()));
    expect((await fetch(`${url}/next`)).status).toBe(200);
    expect(sessions).toHaveLength(2);
    stream.respond({ ':status': 200 });
    stream.end('still');
    expect(await (await slow).text()).toBe('still');
  });

  test('a refused stream is sent again, whatever its method', async () => {
    let seen = 0;
    const { port } = await target((stream, headers, session) => {
      seen += 1;
      if (seen === 1) return stream.close(7);
      answerAll(stream, headers, session);
    });
    const { url } = await gatewayTo(port);
    expect((await fetch(url, { method: 'POST', body: null })).status).toBe(200);
    expect(seen).toBe(2);
  });

  test.each([0, 1_000, 60_000])('so is one whose body had begun: %i bytes were read', async (before) => {
    const whole = Buffer.alloc(before + 100_000, 'abcdefg');
    const bodies: Buffer[] = [];
    const { port } = await target((stream, headers, session) => {
      const parts: Buffer[] = [];
      const first = bodies.push(Buffer.alloc(0)) === 1;
      stream.on('data', (part: Buffer) => {
        parts.push(part);
        if (first && Buffer.concat(parts).length >= before) stream.close(7);
      });
      if (first) {
        if (before === 0) stream.close(7);
        return;
      }
      stream.once('end', () => {
        bodies[1] = Buffer.concat(parts);
        answerAll(stream, headers, session);
      });
    });
    const { url } = await gatewayTo(port);
    const request = requestHttp(url, { method: 'POST' });
    const answered = once(request, 'response');
    request.write(whole.subarray(0, before));
    if (before === 0) request.flushHeaders();
    while (bodies.length < 2) await new Promise((resolve) => void setImmediate(resolve));
    request.end(whole.subarray(before));
    const [response] = (await answered) as [IncomingMessage];
    expect(response.resume().statusCode).toBe(200);
    expect(bodies[1]?.equals(whole)).toBe(true);
  });

  test('one of whose body more was read than is kept is not sent again', async () => {
    let seen = 0;
    const { port } = await target((stream) => {
      let bytes = 0;
      seen += 1;
      stream.on('data', (part: Buffer) => {
        bytes += part.length;
        if (bytes >= 200_000) stream.close(7);
      });
    });
    const { url } = await gatewayTo(port);
    const response = await fetch(url, {
      method: 'POST',
      body: new Blob([Buffer.alloc(1024 ** 2)]).stream(),
      duplex: 'half',
    });
    expect([response.status, seen]).toEqual([502, 1]);
  });

  test('a lost connection is tried anew for an idempotent request only', async () => {
    let seen = 0;
    const { port } = await target((stream, headers, session) => {
      seen += 1;
      if (headers[':path'] === '/first' || seen > 2) return answerAll(stream, headers, session);
      session.destroy();
    });
    const { url } = await gatewayTo(port);
    expect((await fetch(`${url}/first`)).status).toBe(200);
    expect((await fetch(`${url}/get`)).status).toBe(200);
    expect(seen).toBe(3);
    seen = 1;
    expect((await fetch(`${url}/post`, { method: 'POST', body: 'x' })).status).toBe(502);
  });

  test('a stream that is reset, or a connection that is lost, within a body cuts the response', async () => {
    const { port } = await target((stream, { ':path': path }, session) => {
      stream.respond({ ':status': 200 });
      stream.write('half', () => {
        if (path === '/reset') stream.destroy(new Error('broken'));
        else session.destroy();
      });
    });
    const { url } = await gatewayTo(port);
    for (const path of ['/reset', '/lost'])
      await expect((async () => (await fetch(url + path)).text())()).rejects.toThrow();
  });

  test.each([0, 1, 2, 8])('a body that ends by a reset with the code %i is cut, not whole', async (code) => {
    const port = await frameTarget((id) => [
      frame(1, 4, id, Buffer.of(0x88)),
      frame(0, 0, id, Buffer.from('half')),
      frame(3, 0, id, Buffer.of(0, 0, 0, code)),
    ]);
    const lines: string[] = [];
    const warn = (_fields: object, line = ''): void => void lines.push(line);
    const logger = { debug() {}, info() {}, warn, error: warn };
    const { url } = await gatewayTo(port, {}, { logger });
    await expect((async () => (await fetch(url)).text())()).rejects.toThrow();
    const name = { 0: 'NO_ERROR', 1: 'PROTOCOL_ERROR', 2: 'INTERNAL_ERROR', 8: 'CANCEL' }[code];
    await expect.poll(() => lines.join()).toMatch(new RegExp(`stream (was reset )?within .*response: ${name}`));
  });

  test('a head that is reset without an error and without an end is no response', async () => {
    const port = await frameTarget((id) => [frame(1, 4, id, Buffer.of(0x88)), frame(3, 0, id, Buffer.alloc(4))]);
    const { url } = await gatewayTo(port);
    await expect((async () => (await fetch(url)).text())()).rejects.toThrow();
  });

  test('a response of a status and a body alone passes, also to a client that reads it late', async () => {
    const port = await frameTarget((id) => [
      frame(1, 4, id, Buffer.of(0x88)),
      frame(0, 0, id, Buffer.alloc(10_000, 'a')),
      frame(0, 1, id, Buffer.from('end')),
      frame(3, 0, id, Buffer.alloc(4)),
    ]);
    const { url } = await gatewayTo(port);
    const response = await fetch(url);
    await new Promise((resolve) => setImmediate(resolve));
    expect(await response.text()).toBe(`${'a'.repeat(10_000)}end`);
  });

  test('an idle connection ends', async () => {
    const { port, sessions } = await target(answerAll);
    const { url } = await gatewayTo(port, { keepAliveTimeoutMs: 50 });
    await (await fetch(url)).text();
    await once(sessions[0] as ServerHttp2Session, 'close');
    expect((await fetch(url)).status).toBe(200);
    expect(sessions).toHaveLength(2);
  });

  test('a connection that answers no ping after a timeout is replaced', async () => {
    const frozen: Socket[] = [];
    let isFrozen = false;
    const { port: real, sessions } = await target(answerAll);
    // a relay that stops to pass what the client sends
    const relay = createTcpServer((socket) => {
      const ahead = connectTcp(real, '127.0.0.1');
      const isFirst = frozen.length === 0;
      frozen.push(socket);
      socket.on('error', () => undefined).on('close', () => ahead.destroy());
      ahead.on('error', () => undefined).pipe(socket);
      socket.on('data', (part: Buffer) => {
        if (!isFirst || !isFrozen) ahead.write(part);
      });
    });
    const clock = createManualClock();
    const timeouts = { timeoutMs: 60_000, connectTimeoutMs: 60_000 };
    const { url } = await gatewayTo(await listening(relay), timeouts, { clock });
    expect((await fetch(`${url}/one`)).status).toBe(200);
    isFrozen = true;
    const closed = once(frozen[0] as Socket, 'close');
    expect((await passing(clock, fetch(`${url}/slow`))).status).toBe(504);
    await passing(clock, closed);
    expect((await fetch(`${url}/two`)).status).toBe(200);
    expect(sessions).toHaveLength(2);
  });
});

test('an upload that breaks off never looks whole to the target', async () => {
  const begun = Promise.withResolvers<void>();
  const over = Promise.withResolvers<{ ended: boolean; code: number }>();
  const { port } = await target((stream) => {
    let ended = false;
    stream.on('data', () => begun.resolve()).once('end', () => (ended = stream.rstCode === 0));
    stream.once('close', () => over.resolve({ ended, code: stream.rstCode }));
  });
  const { url } = await gatewayTo(port);
  const session = connect(url);
  onTestFinished(() => session.destroy());
  const stream = session.request({ ':method': 'POST', ':path': '/' });
  stream.on('error', () => undefined).write('half');
  await begun.promise;
  stream.destroy(new Error('gone'));
  expect(await over.promise).toEqual({ ended: false, code: 8 });
});

test('a response that breaks off never looks whole to a client of HTTP/2', async () => {
  const { url } = await setup(
    {},
    {},
    (_request, response) => {
      response.write('half');
      setImmediate(() => response.destroy());
    },
    { h2c: true },
  );
  const session = connect(url);
  onTestFinished(() => session.destroy());
  const stream = session.request({ ':path': '/' });
  const error = Promise.withResolvers<unknown>();
  stream
    .on('error', error.resolve)
    .on('end', () => setImmediate(() => error.resolve(undefined)))
    .resume();
  expect(await error.promise).toMatchObject({ code: 'ERR_HTTP2_STREAM_ERROR' });
});

describe('targets that do not speak HTTP/2', () => {
  test('one of HTTP/1.1 in plain text: 502', async () => {
    const { url: other } = await setup({});
    const { url } = await gatewayTo(Number(new URL(other).port));
    expect((await fetch(url)).status).toBe(502);
  });

  test('one that says nothing: 504 after connectTimeoutMs', async () => {
    const mute = createTcpServer((socket) => socket.on('error', () => undefined).resume());
    const { url } = await gatewayTo(await listening(mute), { connectTimeoutMs: 100 });
    expect((await fetch(url)).status).toBe(504);
  });

  test('with TLS: http2 is 502, auto falls back to HTTP/1.1', async () => {
    const authority = makeIdentity('test authority');
    const { cert, key } = makeIdentity('localhost', authority);
    const server = createHttpsServer({ cert, key }, (request, response) => response.end(request.httpVersion));
    const port = await listening(server);
    const config = { targets: [`https://127.0.0.1:${port}`], tls: { ca: authority.cert, serverName: 'localhost' } };
    const strict = await gatewayTo(port, config);
    expect((await fetch(strict.url)).status).toBe(502);
    const auto = await gatewayTo(port, { ...config, protocol: 'auto', connections: 3 });
    const answers = await Promise.all(Array.from({ length: 9 }, async () => (await fetch(auto.url)).text()));
    expect(answers).toEqual(Array.from({ length: 9 }, () => '1.1'));
    expect(server.listening).toBe(true);
  });
});

test('a target of HTTP/2 without protocol: http2 is 502, and the log says what is missing', async () => {
  const warn = vi.fn();
  const logger = { debug: () => {}, info: () => {}, warn, error: () => {} };
  for (const port of [(await target(answerAll)).port, await frameTarget(() => [])]) {
    const { url } = await gatewayTo(port, { protocol: 'http1' }, { logger });
    expect((await fetch(url)).status).toBe(502);
  }
  const line =
    'a request could not be proxied: the upstream answered with HTTP/2: give it protocol: http2, in upstreams';
  const fields = expect.objectContaining({ code: 'ERR_PROTOCOL' }) as object;
  expect(warn.mock.calls).toEqual([
    [fields, line],
    [fields, line],
  ]);
});

test('auto takes HTTP/2 where TLS selects it', async () => {
  const authority = makeIdentity('test authority');
  const { cert, key } = makeIdentity('localhost', authority);
  const server = createSecureServer({ cert, key });
  const sessions = sessionsOf(server, answerAll);
  const port = await listening(server);
  const config = { targets: [`https://127.0.0.1:${port}`], tls: { ca: authority.cert, serverName: 'localhost' } };
  const { url } = await gatewayTo(port, { ...config, protocol: 'auto' });
  expect(await (await fetch(url)).json()).toMatchObject({ ':scheme': 'https' });
  expect(sessions).toHaveLength(1);
});

test('health checks speak HTTP/2 too', async () => {
  let healthy = false;
  const checked: (() => void)[] = [];
  const { port } = await target((stream, headers, session) => {
    if (headers[':path'] !== '/health') return answerAll(stream, headers, session);
    stream.respond({ ':status': healthy ? 200 : 503 }, { endStream: true });
    checked.shift()?.();
  });
  const healthCheck = { path: '/health', intervalMs: 10, unhealthyAfter: 1, healthyAfter: 1 };
  const { gateway } = await gatewayTo(port, { healthCheck });
  const state = (): unknown => gateway.stats.upstreams['api']?.[0]?.state;
  for (const wanted of ['unhealthy', 'healthy']) {
    while (state() !== wanted) await new Promise<void>((resolve) => checked.push(resolve));
    healthy = true;
  }
  expect(state()).toBe('healthy');
});

describe('WebSockets', () => {
  /** Answers each small frame of a client with the same one from a server. */
  function echoFrames(stream: ServerHttp2Stream): void {
    let rest = Buffer.alloc(0);
    stream.on('data', (bytes: Buffer) => {
      rest = Buffer.concat([rest, bytes]);
      while (rest.length >= 6 && rest.length >= 6 + ((rest[1] ?? 0) & 0x7f)) {
        const length = (rest[1] ?? 0) & 0x7f;
        const [first = 0, mask] = [rest[0], rest.subarray(2, 6)];
        const data = rest.subarray(6, 6 + length).map((byte, at) => byte ^ (mask[at % 4] ?? 0));
        rest = rest.subarray(6 + length);
        stream.write(Buffer.concat([Buffer.of(first, length), data]));
        if ((first & 0x0f) === 8) stream.end();
      }
    });
  }
  const settings = { settings: { enableConnectProtocol: true } };

  async function open(url: string): Promise<WebSocket> {
    const socket = new WebSocket(url.replace('http', 'ws'), ['chat']);
    await once(socket, 'open');
    return socket;
  }

  async function ask(socket: WebSocket, text: string): Promise<unknown> {
    socket.send(text);
    const [event] = (await once(socket, 'message')) as [MessageEvent];
    return event.data;
  }

  test.each(['passed', 'judged'])('go through streams of HTTP/2: %s', async (how) => {
    const heads: Readonly<Record<string, unknown>>[] = [];
    const { port, sessions } = await target((stream, headers, session) => {
      if (headers[':method'] !== 'CONNECT') return answerAll(stream, headers, session);
      heads.push(headers);
      stream.respond({ ':status': 200, 'sec-websocket-protocol': 'chat' });
      echoFrames(stream);
    }, settings);
    const frames: string[] = [];
    const waf = (event: ProxyEvent): Decision => {
      if (event.type === 'webSocketFrame') frames.push(Buffer.from(event.data).toString());
      return ALLOW;
    };
    const agents = { waf: { on: waf, events: how === 'judged' ? EVENT_TYPES : ['requestHeaders' as const] } };
    const { url, gateway, ended } = await gatewayTo(port, {}, {}, agents);
    const [one, other] = [await open(`${url}/chat?a=b`), await open(`${url}/chat?a=b`)];
    expect([one.protocol, sessions.length]).toEqual(['chat', 1]);
    expect(await ask(one, 'first')).toBe('first');
    expect(await ask(other, 'second')).toBe('second');
    expect((await fetch(url)).status).toBe(200);
    one.close(1000);
    const [closed] = (await once(one, 'close')) as [{ readonly code: number }];
    expect(closed.code).toBe(1000);
    expect(heads[0]).toMatchObject({ ':protocol': 'websocket', ':path': '/chat?a=b', 'sec-websocket-version': '13' });
    expect(heads[0]).not.toHaveProperty('sec-websocket-key');
    if (how === 'judged') expect(frames.slice(0, 4)).toEqual(['first', 'first', 'second', 'second']);
    sessions[0]?.destroy();
    await once(other, 'close');
    await ended(3);
    await vi.waitFor(() => expect(gateway.stats).toMatchObject({ active: 0, webSockets: 0 }));
  });

  test('get the answer of a target that refuses them, and end with their client', async () => {
    const streams: ServerHttp2Stream[] = [];
    const { port } = await target((stream, headers) => {
      if (headers[':path'] === '/no') {
        stream.respond({ ':status': 403 });
        stream.end('no');
        return;
      }
      streams.push(stream);
      stream.respond({ ':status': 200 });
      echoFrames(stream);
    }, settings);
    const { url } = await gatewayTo(port);
    const key = Buffer.alloc(16).toString('base64');
    const headers = {
      connection: 'upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': key,
    };
    const refused = requestHttp(`${url}/no`, { headers }).end();
    const [response] = (await once(refused, 'response')) as [IncomingMessage];
    expect(response.resume().statusCode).toBe(403);
    const taken = requestHttp(url, { headers }).end();
    const [answer, client] = (await once(taken, 'upgrade')) as [IncomingMessage, Socket];
    expect(answer.headers['sec-websocket-accept']).toBe('ICX+Yqv66kxgM0FcWaLWlFLwTAI=');
    const [stream] = streams;
    client.destroy();
    if (stream?.closed === false) await once(stream, 'close');
    expect(stream?.closed).toBe(true);
  });

  test('are refused by a target that has none, with a line that says so', async () => {
    const { port } = await target(answerAll);
    const lines: string[] = [];
    const warn = (_fields: object, line = ''): void => void lines.push(line);
    const logger = { debug: () => undefined, info: () => undefined, error: warn, warn };
    const { url } = await gatewayTo(port, {}, { logger });
    await once(new WebSocket(url.replace('http', 'ws')), 'error');
    expect(lines).toEqual([expect.stringContaining('takes no WebSockets over HTTP/2')]);
  });
});

test('whatever ends requests at any time, all of them end, and the next ones are served', async () => {
  const open = new Set<ServerHttp2Stream>();
  const { port, sessions } = await target((stream, headers, session) => {
    open.add(stream);
    stream.once('close', () => open.delete(stream));
    const [, kind, at] = String(headers[':path']).split('/');
    if (kind === 'refuse') return stream.close(7);
    if (kind === 'lose' && Number(at) % 40 === 0) return session.destroy();
    if (kind === 'early') return answerAll(stream, headers, session);
    if (kind === 'half') {
      stream.respond({ ':status': 200 });
      stream.write(Buffer.alloc(70_000), () => stream.destroy(new Error('broken')));
      return;
    }
    stream.resume().once('end', () => {
      if (!stream.destroyed) answerAll(stream, headers, session);
    });
  });
  const { url, gateway, ended } = await gatewayTo(port, { connections: 3, maxStreamsPerConnection: 10 });
  const session = connect(url);
  session.on('error', () => undefined);
  onTestFinished(() => session.destroy());
  const kinds = ['refuse', 'lose', 'early', 'half', 'whole', 'leave', 'leave-late'];
  const statuses: number[] = [];
  const COUNT = 210;
  for (let at = 0; at < COUNT; at++) {
    const kind = kinds[at % kinds.length] ?? '';
    const stream = session.request({ ':method': 'POST', ':path': `/${kind}/${at}` });
    stream.on('error', () => undefined).on('response', (head) => statuses.push(head[':status'] ?? 0));
    stream.resume().write(Buffer.alloc(at * 100));
    if (kind === 'leave') stream.destroy();
    else if (kind === 'leave-late') setImmediate(() => stream.destroy(new Error('gone')));
    else stream.end('end');
  }
  // those that were reset before the gateway saw them are not in the count
  await ended(COUNT - 60);
  for (const one of ['/a', '/b', '/c']) expect((await fetch(url + one)).status).toBe(200);
  while (gateway.stats.active > 0 || open.size > 0) await new Promise<void>((resolve) => void setImmediate(resolve));
  expect(statuses.filter((status) => status === 200).length).toBeGreaterThan(60);
  expect(statuses.filter((status) => ![200, 502].includes(status))).toEqual([]);
  expect(sessions.filter(({ destroyed }) => !destroyed).length).toBeLessThanOrEqual(3);
});
