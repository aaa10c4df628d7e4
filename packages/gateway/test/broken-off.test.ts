import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import type { MetricsRecorder } from '@agentwire/core';
import type { GatewayOptions } from '@agentwire/gateway';
import { describe, expect, onTestFinished, test } from 'vitest';
import { rawClient } from './raw-client.ts';
import { setup } from './setup.ts';
import { frameUpstream } from './support/frame-upstream.ts';
import { block, FLAG, FRAME, frame } from './support/raw-http2.ts';
import { rawUpstream } from './support/raw-upstream.ts';

const OK = 'HTTP/1.1 200 OK\r\n';
const LENGTH = `${OK}content-length: 5\r\n\r\n`;
const LENGTH_CLOSE = `${OK}connection: close\r\ncontent-length: 5\r\n\r\n`;
const CHUNKED = `${OK}transfer-encoding: chunked\r\n\r\n`;
const CHUNKED_CLOSE = `${OK}connection: close\r\ntransfer-encoding: chunked\r\n\r\n`;

const CLOSED = 'the upstream closed the connection';
const RESET = 'the upstream reset the connection';
const ENDED = 'the connection to the upstream ended';
const INVALID = 'the upstream sent what is no response of HTTP/1.1';
const INTERIM = 'the upstream sent an interim response that was not requested: 101';
const SHORT = 'less than its content-length came';

/** Name; status that the client sees, code and message; the upstream's answer, and its reset once the client has got a part. */
type Row<Answer> = readonly [string, number, string, string, Answer, 'reset'?];

async function play(options: Partial<GatewayOptions>, upgrade = false, onData = () => {}): Promise<readonly unknown[]> {
  const lines: { code?: unknown; message: string }[] = [];
  const warn = (fields: object, message = ''): void => void lines.push({ ...fields, message });
  const failures: unknown[] = [];
  const metrics: MetricsRecorder = {
    count: (name, { code }) => void (name === 'gateway_request_failures_total' && failures.push(code)),
    gauge() {},
    observe() {},
  };
  const logger = { debug() {}, info() {}, warn, error: warn };
  const { url, summaries, ended } = await setup({}, { logger, metrics, ...options });
  const client = await rawClient(url);
  const fields = upgrade
    ? 'GET / HTTP/1.1\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n'
    : 'POST / HTTP/1.1\r\ncontent-length: 0\r\nconnection: close\r\n';
  client.socket.once('data', onData);
  client.send(`${fields}host: h\r\n\r\n`);
  await client.closed();
  await ended(1);
  const [{ status, outcome, error } = {}] = summaries;
  expect(lines).toHaveLength(1);
  expect(outcome).toBe('failed');
  expect(lines[0]?.code).toBe(error);
  expect(failures).toEqual([error]);
  return [status, error, lines[0]?.message.replace('a request could not be proxied: ', '')];
}

const http1 = (origin: string): Partial<GatewayOptions> => ({ upstream: origin });
const http2 = (origin: string): Partial<GatewayOptions> => ({
  upstream: undefined,
  upstreams: { one: { targets: [origin], protocol: 'http2' } },
  routes: [{ upstream: 'one' }],
});

describe('an upstream of HTTP/1.1', () => {
  const rows: Row<(socket: Socket) => void>[] = [
    ['closes', 502, 'ERR_CLOSED', `${CLOSED} before it answered`, (to) => to.end()],
    ['resets', 502, 'ERR_CLOSED', `${RESET} before it answered`, (to) => to.resetAndDestroy()],
    ['closes within the head', 502, 'ERR_CLOSED', `${CLOSED} before it answered`, (to) => to.end(`${OK}x-a: `)],
    [
      'resets within the head',
      502,
      'ERR_CLOSED',
      `${RESET} before it answered`,
      (to) => to.write(OK, () => to.resetAndDestroy()),
    ],
    ['closes after the head', 200, 'ERR_CLOSED', `${CLOSED} within its response`, (to) => to.end(LENGTH)],
    ['closes within a length', 200, 'ERR_CLOSED', `${CLOSED} within its response`, (to) => to.end(`${LENGTH}ab`)],
    [
      'closes within a length, as announced',
      200,
      'ERR_CLOSED',
      `${CLOSED} within its response: ${SHORT}`,
      (to) => to.end(`${LENGTH_CLOSE}ab`),
    ],
    [
      'resets within a length',
      200,
      'ERR_CLOSED',
      `${RESET} within its response`,
      (to) => to.write(`${LENGTH}ab`),
      'reset',
    ],
    [
      'resets within a body to the end',
      200,
      'ERR_CLOSED',
      `${RESET} within its response`,
      (to) => to.write(`${OK}\r\nab`),
      'reset',
    ],
    ['closes within a chunk', 200, 'ERR_CLOSED', `${CLOSED} within its response`, (to) => to.end(`${CHUNKED}5\r\nab`)],
    [
      'closes within a chunk, as announced',
      200,
      'ERR_CLOSED',
      `${CLOSED} within its response`,
      (to) => to.end(`${CHUNKED_CLOSE}5\r\nab`),
    ],
    [
      'closes between chunks',
      200,
      'ERR_CLOSED',
      `${CLOSED} within its response`,
      (to) => to.end(`${CHUNKED}2\r\nab\r\n`),
    ],
    [
      'closes within the trailers',
      200,
      'ERR_CLOSED',
      `${CLOSED} within its response`,
      (to) => to.end(`${CHUNKED}2\r\nab\r\n0\r\nx-a: `),
    ],
    [
      'sends a chunk without a size',
      200,
      'ERR_PROTOCOL',
      `${INVALID}: Invalid character in chunk size`,
      (to) => to.write(`${CHUNKED}2\r\nab\r\nzz\r\n`),
    ],
    [
      'speaks another protocol',
      502,
      'ERR_PROTOCOL',
      `${INVALID}: Expected HTTP/, RTSP/ or ICE/`,
      (to) => to.write('SSH-2.0-server\r\n'),
    ],
    ['sends two lengths', 502, 'ERR_PROTOCOL', INVALID, (to) => to.write(`${OK}content-length: 1\r\n${LENGTH}`)],
    [
      'sends too long a head',
      502,
      'ERR_PROTOCOL',
      "the head of the upstream's response is too long",
      (to) => to.write(`${OK}x-a: ${'a'.repeat(200_000)}\r\n\r\n`),
    ],
    [
      'switches protocols unasked',
      502,
      'ERR_PROTOCOL',
      INTERIM,
      (to) => to.write('HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: other\r\n\r\n'),
    ],
  ];
  test.each(rows.map((row) => [row[0], row] as const))('%s', async (_name, [, status, code, message, answer, end]) => {
    const sockets: Socket[] = [];
    const { origin } = await rawUpstream(({ socket }) => answer((sockets.push(socket), socket)));
    expect(await play(http1(origin), false, () => end && sockets[0]?.resetAndDestroy())).toEqual([
      status,
      code,
      message,
    ]);
  });

  test('closes within the handshake of a WebSocket', async () => {
    const { origin } = await rawUpstream(({ socket }) => socket.end('HTTP/1.1 101 Switching\r\n'));
    expect(await play(http1(origin), true)).toEqual([502, 'ERR_CLOSED', `${CLOSED} before it answered`]);
  });

  test('is not there', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    const refused = [502, 'ERR_CONNECT', 'the upstream could not be reached: ECONNREFUSED'];
    expect(await play(http1(`http://127.0.0.1:${port}`))).toEqual(refused);
    expect(await play(http2(`http://127.0.0.1:${port}`))).toEqual(refused);
  });

  test('speaks no TLS', async () => {
    const server = createServer((socket) =>
      socket
        .on('error', () => undefined)
        .resume()
        .end('HTTP/1.1 400 Bad Request\r\n\r\n'),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const [status, code, message] = await play(http1(`https://127.0.0.1:${port}`));
    expect([status, code]).toEqual([502, 'ERR_CONNECT']);
    expect(message).toMatch(/^the upstream could not be reached: (EPROTO|ERR_SSL_\w+)$/);
    await new Promise((resolve) => server.close(resolve));
  });
});

const head = (stream: number, ...lines: (readonly [string, string])[]): Buffer =>
  frame(FRAME.headers, FLAG.endHeaders, stream, block([':status', '200'], ...lines));
const data = (stream: number, flags = 0): Buffer => frame(FRAME.data, flags, stream, Buffer.from('ab'));
const half = (stream: number): Buffer => Buffer.concat([head(stream), data(stream)]);
const reset = (stream: number, code: number): Buffer => frame(FRAME.rstStream, 0, stream, Buffer.of(0, 0, 0, code));
const goAway = (stream: number, code: number): Buffer =>
  frame(FRAME.goaway, 0, 0, Buffer.of(0, 0, 0, stream, 0, 0, 0, code));

describe('an upstream of HTTP/2', () => {
  const STREAM_RESET = 'the upstream reset the stream';
  const rows: Row<(socket: Socket, stream: number) => void>[] = [
    ['closes', 502, 'ERR_CLOSED', `${ENDED} before it answered`, (to) => to.end()],
    ['resets', 502, 'ERR_CLOSED', `${RESET} before it answered`, (to) => to.resetAndDestroy()],
    [
      'resets the stream',
      502,
      'ERR_CLOSED',
      `${STREAM_RESET} before it answered: INTERNAL_ERROR`,
      (to, id) => to.write(reset(id, 2)),
    ],
    [
      'refuses the stream, twice',
      502,
      'ERR_CLOSED',
      'the upstream refused the stream before it answered',
      (to, id) => to.write(reset(id, 7)),
    ],
    ['goes away', 502, 'ERR_CLOSED', `${ENDED} before it answered`, (to, id) => to.end(goAway(id, 2))],
    ['closes within a body', 200, 'ERR_CLOSED', `${ENDED} within its response`, (to, id) => to.end(half(id))],
    [
      'resets within a body',
      200,
      'ERR_CLOSED',
      `${RESET} within its response`,
      (to, id) => to.write(half(id)),
      'reset',
    ],
    [
      'resets the stream within a body',
      200,
      'ERR_CLOSED',
      `${STREAM_RESET} within its response: CANCEL`,
      (to, id) => to.write(Buffer.concat([half(id), reset(id, 8)])),
    ],
    [
      'goes away within a body',
      200,
      'ERR_CLOSED',
      `${ENDED} within its response`,
      (to, id) => to.end(Buffer.concat([half(id), goAway(id, 2)])),
    ],
    [
      'sends less than its length',
      200,
      'ERR_PROTOCOL',
      "the stream was reset within the upstream's response: PROTOCOL_ERROR",
      (to, id) => to.write(Buffer.concat([head(id, ['content-length', '5']), data(id, FLAG.endStream)])),
    ],
    [
      'sends a malformed head',
      502,
      'ERR_PROTOCOL',
      "the stream was reset before the upstream's response: PROTOCOL_ERROR",
      (to, id) => to.write(frame(FRAME.headers, FLAG.endHeaders, id, block(['X-UPPER', '1']))),
    ],
    [
      'sends a malformed frame within a body',
      200,
      'ERR_CLOSED',
      `${ENDED} within its response`,
      (to, id) => to.write(Buffer.concat([half(id), frame(FRAME.settings, 0, 0, Buffer.of(1))])),
    ],
  ];
  test.each(rows.map((row) => [row[0], row] as const))('%s', async (_name, [, status, code, message, answer, end]) => {
    const sockets: Socket[] = [];
    const origin = await frameUpstream((socket, stream) => answer((sockets.push(socket), socket), stream));
    expect(await play(http2(origin), false, () => end && sockets[0]?.resetAndDestroy())).toEqual([
      status,
      code,
      message,
    ]);
  });
});

test.each([
  ['a length', `${LENGTH}ab`],
  ['chunks', `${CHUNKED}5\r\nabcde\r\n`],
])(
  'a client of HTTP/1.0 is reset where a body with %s is cut, as it would take the end of the connection for that of the body',
  async (_, answer) => {
    const { origin } = await rawUpstream(({ socket }) =>
      socket.write(answer, () => setImmediate(() => socket.destroy())),
    );
    const { url } = await setup({}, { upstream: origin });
    const { port } = new URL(url);
    const socket = connect(Number(port), '127.0.0.1');
    onTestFinished(() => void socket.destroy());
    socket.write('GET / HTTP/1.0\r\nhost: h\r\n\r\n');
    const end = await new Promise<string>((resolve) => {
      socket.resume();
      socket.once('end', () => resolve('end'));
      socket.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code ?? ''));
    });
    expect(end).toBe('ECONNRESET');
  },
);
