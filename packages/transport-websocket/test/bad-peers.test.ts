import { describe, expect, test } from 'vitest';
import { serve, type Serving, turn, until } from './fixtures.ts';
import {
  BINARY,
  CLOSE,
  CONTINUATION,
  frame,
  HANDSHAKE,
  message,
  PING,
  PONG,
  RawWebSocket,
  TEXT,
} from './raw-web-socket.ts';

const ping = (sequence: number): Buffer => message(0xf0, `{"sequence":${sequence},"timestamp_ms":1}`);
const MIB = 1024 * 1024;

async function connected(): Promise<Serving & { readonly peer: RawWebSocket }> {
  const serving = await serve();
  const peer = await RawWebSocket.open(serving.port);
  peer.socket.write(frame(BINARY, HANDSHAKE));
  const { opcode, payload } = await peer.frame();
  expect([opcode, payload[0]]).toEqual([BINARY, 0x02]);
  return { ...serving, peer };
}

describe('an upgrade', () => {
  test('of a program is taken, with the subprotocol and without compression', async () => {
    const { port } = await serve();
    const peer = await RawWebSocket.connect(port);
    const status = await peer.upgrade({ 'sec-websocket-extensions': 'permessage-deflate' });
    expect(status).toBe('HTTP/1.1 101 Switching Protocols');
    expect(peer.head).toMatch(/sec-websocket-protocol: agent-protocol\.v2/i);
    expect(peer.head).not.toMatch(/permessage-deflate/i);
  });

  test.each([
    ['at another path', {}, '/other', 404],
    ['of a web page', { origin: 'https://evil.example' }, '/agents', 403],
    ['without the subprotocol', { 'sec-websocket-protocol': '' }, '/agents', 400],
    ['with another subprotocol', { 'sec-websocket-protocol': 'graphql-ws' }, '/agents', 400],
    ['without a key', { 'sec-websocket-key': '' }, '/agents', 400],
    ['of another version', { 'sec-websocket-version': '7' }, '/agents', 400],
  ])('%s is refused', async (_, headers, path, status) => {
    const { port, notes, clock } = await serve();
    const peer = await RawWebSocket.connect(port);
    expect(await peer.upgrade(headers, path)).toContain(String(status));
    peer.socket.end();
    await peer.closed;
    expect(notes.connection).toBeUndefined();
    await until(() => clock.pendingTimers === 0);
  });

  test('of a web page whose origin is listed is taken', async () => {
    const { port } = await serve({ origins: ['https://console.example'] });
    const peer = await RawWebSocket.connect(port);
    expect(await peer.upgrade({ origin: 'https://console.example' })).toContain('101');
    const other = await RawWebSocket.connect(port);
    expect(await other.upgrade({ origin: 'https://console.example.evil' })).toContain('403');
  });

  test('that never comes ends at the deadline, and counts as pending until then', async () => {
    const { port, clock } = await serve({}, { maxPendingHandshakes: 2 });
    const [first, second] = [await RawWebSocket.connect(port), await RawWebSocket.connect(port)];
    await until(() => clock.pendingTimers === 2);
    first.socket.write('GET /agents HTTP/1.1\r\nhost: x\r\n');
    const third = await RawWebSocket.connect(port);
    await first.closed;
    expect(clock.pendingTimers).toBe(2);
    clock.advance(10_000);
    await Promise.all([second.closed, third.closed]);
  });

  test('that is a plain request is told to upgrade', async () => {
    const { listener } = await serve();
    const url = listener.address.replace('ws:', 'http:');
    const answers = [await fetch(url), await fetch(`${url}/x`)].map(({ status }) => status);
    expect(answers).toEqual([426, 404]);
  });
});

describe('before the handshake is done', () => {
  test.each([
    ['a text message', frame(TEXT, HANDSHAKE)],
    ['a frame without a mask', frame(BINARY, HANDSHAKE, { masked: false })],
    ['an empty message', frame(BINARY, '')],
    ['another message first', frame(BINARY, message(0x10, '{}'))],
    ['a message over 64 KiB', frame(BINARY, Buffer.alloc(65_537, 1))],
    ['a continuation of nothing', frame(CONTINUATION, 'x')],
    ['a reserved opcode', frame(0x3, 'x')],
    ['bytes that are no frame', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
  ])('%s drops the peer', async (_, bytes) => {
    const { port, notes, refused } = await serve();
    const peer = await RawWebSocket.open(port);
    peer.socket.write(bytes);
    await peer.closed;
    await until(() => refused.length > 0);
    expect([refused, notes.connection]).toEqual([['ERR_PROTOCOL'], undefined]);
  });

  test('an announced message of 16 MiB is dropped before it has arrived', async () => {
    const { port, refused } = await serve();
    const peer = await RawWebSocket.open(port);
    const whole = frame(BINARY, Buffer.alloc(16 * MIB, 1));
    for (let at = 0; refused.length === 0 && at < whole.length; at += 16 * 1024) {
      peer.socket.write(whole.subarray(at, at + 16 * 1024));
      await turn();
    }
    await peer.closed;
    expect(refused).toEqual(['ERR_MESSAGE_TOO_LARGE']);
    expect(peer.socket.bytesWritten).toBeLessThan(2 * MIB);
  });

  test('a refusal is sent before the end', async () => {
    const { port, refused } = await serve();
    const peer = await RawWebSocket.open(port);
    peer.socket.write(frame(BINARY, message(0x01, '{"protocol_version":3,"client_name":"p"}')));
    const { payload } = await peer.frame();
    expect(JSON.parse(payload.subarray(1).toString())).toMatchObject({
      success: false,
      error: 'unsupported protocol version 3, this agent speaks 2',
    });
    expect((await peer.frame()).opcode).toBe(CLOSE);
    expect(refused).toEqual(['ERR_VERSION_MISMATCH']);
  });

  test('silence ends after ten seconds', async () => {
    const { port, clock, refused } = await serve();
    const peer = await RawWebSocket.open(port);
    await until(() => clock.pendingTimers === 1);
    clock.advance(10_000);
    await peer.closed;
    expect(refused).toEqual(['ERR_TIMEOUT']);
  });
});

describe('on an open connection', () => {
  test.each([
    ['a text message', frame(TEXT, ping(1)), 'ERR_PROTOCOL'],
    ['a frame without a mask', frame(BINARY, ping(1), { masked: false }), 'ERR_PROTOCOL'],
    ['an empty message', frame(BINARY, ''), 'ERR_PROTOCOL'],
    [
      'a new message inside a fragmented one',
      Buffer.concat([frame(BINARY, 'x', { fin: false }), frame(BINARY, 'y')]),
      'ERR_PROTOCOL',
    ],
    ['a ping of 126 bytes', frame(PING, Buffer.alloc(126)), 'ERR_PROTOCOL'],
    ['a second handshake', frame(BINARY, HANDSHAKE), 'ERR_PROTOCOL'],
  ])('%s ends it', async (_, bytes, code) => {
    const { peer, notes } = await connected();
    peer.socket.write(bytes);
    expect(await notes.closed).toMatchObject({ by: 'local', error: { code } });
    await peer.closed;
    expect(notes.messages).toEqual([]);
  });

  test('a message over 16 MiB ends it at its announcement', async () => {
    const { peer, notes } = await connected();
    peer.socket.write(Buffer.concat([Buffer.of(0x82, 0xff, 0, 0, 0, 0, 1, 0, 0, 1), Buffer.alloc(4)]));
    expect(await notes.closed).toMatchObject({ by: 'local', error: { code: 'ERR_MESSAGE_TOO_LARGE' } });
  });

  test('more than 16 384 fragments end it', async () => {
    const { peer, notes } = await connected();
    const parts = Array.from({ length: 20_000 }, (_, at) =>
      frame(at === 0 ? BINARY : CONTINUATION, 'x', { fin: false }),
    );
    peer.socket.write(Buffer.concat(parts));
    expect(await notes.closed).toMatchObject({ by: 'local', error: { code: 'ERR_PROTOCOL' } });
  });

  test('a fragmented message arrives whole, with pings between its parts', async () => {
    const { peer, notes, clock } = await connected();
    const whole = ping(7);
    peer.socket.write(frame(BINARY, whole.subarray(0, 3), { fin: false }));
    peer.socket.write(frame(PING, 'still here'));
    expect(await peer.frame()).toEqual({ opcode: PONG, payload: Buffer.from('still here') });
    peer.socket.write(frame(CONTINUATION, whole.subarray(3)));
    await until(() => notes.messages.length > 0);
    expect(notes.messages).toEqual([{ type: 'ping', sequence: 7, timestampMs: 1 }]);
    clock.advance(60_000);
    expect(notes.connection?.status).toBe('open');
  });

  test('a message that makes no progress ends it after ten seconds, pings or not', async () => {
    const { peer, notes, clock } = await connected();
    const before = notes.connection?.receivedBytes ?? 0;
    const part = frame(BINARY, 'x', { fin: false });
    peer.socket.write(Buffer.concat([part, frame(PING, '')]));
    await until(() => (notes.connection?.receivedBytes ?? 0) === before + part.length);
    await peer.frame();
    clock.advance(9_999);
    expect(notes.connection?.status).toBe('open');
    clock.advance(1);
    expect(await notes.closed).toMatchObject({ by: 'local', error: { code: 'ERR_TIMEOUT' } });
  });

  test('pings alone are no message that makes no progress', async () => {
    const { peer, notes, clock } = await connected();
    for (let sent = 0; sent < 5; sent += 1) {
      peer.socket.write(frame(PING, 'x'));
      expect((await peer.frame()).opcode).toBe(PONG);
      clock.advance(9_000);
    }
    expect(notes.connection?.status).toBe('open');
  });

  test('a flood of pings from a peer that reads nothing buffers nothing, and is no sign of life', async () => {
    const { peer, notes } = await connected();
    const { connection } = notes;
    const before = connection?.receivedBytes;
    peer.socket.pause();
    const flood = Buffer.concat(Array.from({ length: 1_000 }, () => frame(PING, Buffer.alloc(125))));
    const memory = process.memoryUsage().arrayBuffers;
    while (peer.socket.bytesWritten < 16 * MIB) {
      await new Promise((resolve) => peer.socket.write(flood, resolve));
      await turn();
    }
    peer.socket.write(frame(BINARY, ping(1)));
    await until(() => notes.messages.length > 0);
    expect(connection?.receivedBytes).toBeLessThan((before ?? 0) + 1_000);
    expect(process.memoryUsage().arrayBuffers - memory).toBeLessThan(8 * MIB);
  });

  test('a close in the middle of a message is told from an orderly one', async () => {
    const { peer, notes } = await connected();
    peer.socket.end(frame(BINARY, ping(1)).subarray(0, 12));
    expect(await notes.closed).toMatchObject({ by: 'remote', error: { code: 'ERR_CLOSED' } });
    expect(notes.messages).toEqual([]);
  });

  test('a close message ends it in order, after the messages in front of it', async () => {
    const { peer, notes } = await connected();
    peer.socket.write(Buffer.concat([frame(BINARY, ping(1)), frame(CLOSE, Buffer.of(3, 232))]));
    expect((await peer.frame()).opcode).toBe(CLOSE);
    peer.socket.end();
    expect(await notes.closed).toEqual({ by: 'remote' });
    expect(notes.messages).toHaveLength(1);
  });

  test('a close message with a fault’s code is an error', async () => {
    const { peer, notes } = await connected();
    peer.socket.write(frame(CLOSE, Buffer.of(3, 243)));
    peer.socket.end();
    expect(await notes.closed).toMatchObject({
      by: 'remote',
      error: { message: expect.stringContaining('code 1011') },
    });
  });

  test('messages and a close that arrive while it is paused are delivered when it goes on', async () => {
    const { peer, notes, clock } = await connected();
    notes.connection?.pause();
    peer.socket.write(Buffer.concat([frame(BINARY, ping(1)), frame(BINARY, ping(2)), frame(CLOSE, '')]));
    peer.socket.end();
    clock.advance(60_000);
    expect([notes.messages.length, notes.connection?.status]).toEqual([0, 'open']);
    notes.connection?.resume();
    expect(await notes.closed).toEqual({ by: 'remote' });
    expect(notes.messages).toHaveLength(2);
  });
});
