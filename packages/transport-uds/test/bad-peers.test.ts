import { AgentwireError, type Listener, type ListenOptions, type Logger } from '@agentwire/core';
import { silentLogger } from '@agentwire/core/internal';
import { createManualClock, type ManualClock } from '@agentwire/core/testing';
import { createUdsTransport } from '@agentwire/transport-uds';
import { describe, expect, onTestFinished, test } from 'vitest';
import { agentHello, Notes, temporaryFolder } from './fixtures.ts';
import { DOCUMENTED_REQUEST, frame, lengthField, RawPeer, ZENTINEL_REQUEST } from './raw-peer.ts';

interface Serving {
  readonly clock: ManualClock;
  readonly notes: Notes;
  readonly listener: Listener;
  /** Codes of the peers that were refused, as they were logged. */
  readonly refused: unknown[];
  readonly dial: () => Promise<RawPeer>;
}

/** An agent that listens, with a clock that stands still. */
async function serve(options: Partial<ListenOptions> = {}): Promise<Serving> {
  const clock = createManualClock();
  const refused: unknown[] = [];
  const logger: Logger = { ...silentLogger, warn: (fields) => void refused.push(fields['code']) };
  const notes = new Notes();
  const address = `unix:${temporaryFolder()}/a.sock`;
  const listener = await createUdsTransport({ clock, logger }).listen(address, {
    self: agentHello,
    onConnection: notes.onConnection,
    ...options,
  });
  onTestFinished(async () => {
    notes.connection?.abort();
    await listener.close();
    // a timer that stays would keep this waiting
    while (clock.pendingTimers > 0) await new Promise((resolve) => setImmediate(resolve));
  });
  return { clock, notes, listener, refused, dial: () => RawPeer.dial(address) };
}

async function openConnection(request: Buffer = DOCUMENTED_REQUEST): Promise<Serving & { readonly peer: RawPeer }> {
  const at = await serve();
  const peer = await at.dial();
  peer.socket.write(request);
  expect((await peer.frame()).type).toBe(0x02);
  return { ...at, peer };
}

/** Resolves once the listener has seen as many handshake timers as there are peers. */
async function untilPending(clock: ManualClock, count: number): Promise<void> {
  while (clock.pendingTimers < count) await new Promise((resolve) => setImmediate(resolve));
}

describe('before the handshake is done', () => {
  test.each([
    ['a frame of length 0', lengthField(0), 'ERR_PROTOCOL'],
    ['a frame over 64 KiB', lengthField(65_537), 'ERR_MESSAGE_TOO_LARGE'],
    ['a frame of 4 GiB', lengthField(0xffff_ffff), 'ERR_MESSAGE_TOO_LARGE'],
    ['another frame first', frame(0x10, '{}'), 'ERR_PROTOCOL'],
    ['the answer instead of the question', frame(0x02, '{}'), 'ERR_PROTOCOL'],
    ['HTTP/2', Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), 'ERR_PROTOCOL'],
    ['HTTP, whose first bytes are a length of 1 GiB', Buffer.from('GET / HTTP/1.1\r\n\r\n'), 'ERR_MESSAGE_TOO_LARGE'],
  ])('%s drops the peer', async (_, bytes, code) => {
    const { dial, notes, refused } = await serve();
    const peer = await dial();
    peer.socket.write(bytes);
    await peer.closed;
    expect([refused, peer.rest.length, notes.connection]).toEqual([[code], 0, undefined]);
  });

  test('a peer of version 1 is dropped, and the log names the reason', async () => {
    const { dial, refused } = await serve();
    const peer = await dial();
    const message = '{"version":1,"event_type":"request_headers"}';
    peer.socket.write(Buffer.concat([lengthField(message.length), Buffer.from(message)]));
    await peer.closed;
    expect(refused).toEqual(['ERR_VERSION_MISMATCH']);
  });

  test.each([
    ['version 3', '{"protocol_version":3,"client_name":"p"}', /^unsupported protocol version 3, this agent speaks 2$/],
    ['something that is not JSON', '{"protocol_version":2,', /not JSON/],
    ['something that is no handshake', '{"hello":1}', /client_name/],
    ['a registration', '{"protocol_version":2,"agent_id":"a","capabilities":{}}', /an agent listens here/],
  ])('%s is refused with a reason', async (_, payload, words) => {
    const { dial, notes, listener } = await serve();
    const peer = await dial();
    peer.socket.write(frame(0x01, payload));
    const { type, text } = await peer.frame();
    const reply = JSON.parse(text) as Record<string, unknown>;
    expect([type, reply['success'], reply['accepted']]).toEqual([0x02, false, false]);
    expect(reply['error']).toMatch(words);
    peer.socket.end();
    await peer.closed;
    expect([notes.connection, listener.connectionCount]).toEqual([undefined, 0]);
  });

  test('silence ends after ten seconds', async () => {
    const { clock, dial, refused } = await serve();
    const peer = await dial();
    await untilPending(clock, 1);
    clock.advance(9999);
    expect(refused).toEqual([]);
    clock.advance(1);
    await peer.closed;
    expect(refused).toEqual(['ERR_TIMEOUT']);
  });

  test('a peer that leaves early is forgotten', async () => {
    const { dial, refused, clock } = await serve();
    const peer = await dial();
    peer.socket.end(DOCUMENTED_REQUEST.subarray(0, 20));
    await peer.closed;
    expect([refused, clock.pendingTimers]).toEqual([['ERR_CLOSED'], 0]);
  });

  test('of 300 peers that never finish, 64 stay, and a good one connects', async () => {
    const { clock, dial, refused, listener } = await serve();
    const peers = await Promise.all(Array.from({ length: 300 }, dial));
    for (const [at, peer] of peers.entries()) peer.socket.write(DOCUMENTED_REQUEST.subarray(0, at % 9));
    const good = await dial();
    good.socket.write(DOCUMENTED_REQUEST);
    expect((await good.frame()).type).toBe(0x02);
    expect(listener.connectionCount).toBe(1);
    // one line at once, and one is to come that sums up the rest
    expect(refused).toEqual(['ERR_OVERLOADED']);
    expect(clock.pendingTimers).toBe(63 + 1);
    clock.advance(10_000);
    await Promise.all(peers.map((peer) => peer.closed));
    clock.advance(10_000);
    expect(clock.pendingTimers).toBe(0);
  });

  test('a refused peer that never leaves is dropped after a while', async () => {
    const { clock, dial } = await serve();
    const peer = await dial();
    peer.socket.write(frame(0x01, '{}'));
    await peer.frame();
    clock.advance(5000);
    await peer.closed;
    expect(clock.pendingTimers).toBe(0);
  });

  test('what comes while authorize decides is kept, up to a bound, and delivered in order', async () => {
    const decision = Promise.withResolvers<void>();
    const { dial, notes } = await serve({ authorize: () => decision.promise });
    const peer = await dial();
    const ping = (sequence: number): Buffer => frame(0xf0, `{"sequence":${sequence},"timestamp_ms":1}`);
    peer.socket.write(Buffer.concat([DOCUMENTED_REQUEST, ...Array.from({ length: 5000 }, (_, at) => ping(at))]));
    await new Promise((resolve) => setImmediate(resolve));
    expect(notes.connection).toBeUndefined();
    decision.resolve();
    await notes.received(5000);
    const sequences = notes.messages.map((message) => (message.type === 'ping' ? message.sequence : -1));
    expect(sequences).toEqual(Array.from({ length: 5000 }, (_, at) => at));
  });
});

describe('on an open connection', () => {
  test.each([
    ['a frame of length 0', lengthField(0), /length 0/],
    ['a message of the other direction', frame(0x20, '{}'), /./],
    ['a message of the other dialect', frame(0x42, '{"sequence":1,"timestamp_ms":1}'), /./],
    ['a second handshake', DOCUMENTED_REQUEST, /./],
  ])('%s ends it with ERR_PROTOCOL', async (_, bytes, words) => {
    const { peer, notes } = await openConnection();
    peer.socket.write(bytes);
    const reason = await notes.closed;
    expect([reason.by, reason.error?.code]).toEqual(['local', 'ERR_PROTOCOL']);
    expect(reason.error?.message).toMatch(words);
    await peer.closed;
  });

  test('a frame over 16 MiB ends it at its length', async () => {
    const { peer, notes } = await openConnection();
    peer.socket.write(lengthField(16 * 1024 * 1024 + 1));
    const reason = await notes.closed;
    expect([reason.by, reason.error?.code]).toEqual(['local', 'ERR_MESSAGE_TOO_LARGE']);
    expect(reason.error?.message).toMatch(/16777217 bytes, limit 16777216/);
    await peer.closed;
  });

  test('an unknown type is skipped', async () => {
    const { peer, notes, refused } = await openConnection();
    peer.socket.write(
      Buffer.concat([frame(0x77, 'x'), frame(0x77, 'y'), frame(0xf0, '{"sequence":1,"timestamp_ms":2}')]),
    );
    await notes.received(1);
    expect(notes.messages).toEqual([{ type: 'ping', sequence: 1, timestampMs: 2 }]);
    expect(refused).toHaveLength(1);
  });

  test('content that cannot be decoded fails its own request', async () => {
    const { peer, notes } = await openConnection();
    peer.socket.write(frame(0x10, '{"request_id":7,"method":5}'));
    await notes.received(1);
    expect(notes.messages[0]).toMatchObject({
      type: 'malformed',
      of: 'requestHeaders',
      id: 7,
      error: { code: 'ERR_PROTOCOL' },
    });
    expect(notes.connection?.status).toBe('open');
  });

  test('an end in the middle of a frame is told from an orderly one', async () => {
    const { peer, notes } = await openConnection();
    peer.socket.end(frame(0xf0, '{"sequence":1,"timestamp_ms":2}').subarray(0, 12));
    const reason = await notes.closed;
    expect([reason.by, reason.error?.code, reason.error?.message]).toEqual([
      'remote',
      'ERR_CLOSED',
      expect.stringContaining('12 bytes'),
    ]);
    expect(notes.messages).toEqual([]);
  });

  test('a peer that ends its half gets what is buffered, then the end', async () => {
    const { peer, notes } = await openConnection();
    const text = 'x'.repeat(100_000);
    notes.connection?.send({
      type: 'answer',
      id: 1,
      decision: { verdict: { type: 'block', status: 403, body: text } },
    });
    peer.socket.end();
    expect((await peer.frame()).text).toContain(text);
    expect(await notes.closed).toEqual({ by: 'remote' });
    await peer.closed;
  });

  test('a frame that makes no progress ends it after ten seconds', async () => {
    const { peer, notes, clock } = await openConnection();
    const before = notes.connection?.receivedBytes ?? 0;
    peer.socket.write(lengthField(1024 * 1024));
    while ((notes.connection?.receivedBytes ?? 0) < before + 4) await new Promise((resolve) => setImmediate(resolve));
    clock.advance(9999);
    expect(notes.reasons).toEqual([]);
    clock.advance(1);
    expect((await notes.closed).error).toMatchObject({
      code: 'ERR_TIMEOUT',
      message: expect.stringContaining('no progress'),
    });
  });

  test('a slow frame that makes enough progress may take its time', async () => {
    const { peer, notes, clock } = await openConnection();
    const message = frame(0xf0, `{"sequence":1,"timestamp_ms":2,"pad":"${'x'.repeat(60_000)}"}`);
    let expected = notes.connection?.receivedBytes ?? 0;
    for (let at = 0; at < message.length; at += 11 * 1024) {
      const part = message.subarray(at, at + 11 * 1024);
      expected += part.length;
      peer.socket.write(part);
      while ((notes.connection?.receivedBytes ?? 0) < expected) await new Promise((resolve) => setImmediate(resolve));
      clock.advance(9999);
    }
    expect(notes.messages).toHaveLength(1);
    expect(notes.reasons).toEqual([]);
  });

  test('an announced frame costs no memory until it comes', async () => {
    const { peer, notes } = await openConnection();
    const before = process.memoryUsage().arrayBuffers;
    const seen = notes.connection?.receivedBytes ?? 0;
    peer.socket.write(lengthField(16 * 1024 * 1024));
    while ((notes.connection?.receivedBytes ?? 0) < seen + 4) await new Promise((resolve) => setImmediate(resolve));
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(256 * 1024);
  });

  test('a peer that never reads makes the sender stop, and close ends by its deadline', async () => {
    const { peer, notes, clock, listener } = await openConnection();
    peer.socket.pause();
    const { connection } = notes;
    const answer = {
      type: 'answer',
      id: 1,
      decision: { verdict: { type: 'block', status: 403, body: 'x'.repeat(60_000) } },
    } as const;
    for (let sent = 0; sent < 100; sent += 1) {
      connection?.send(answer);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(connection?.bufferedBytes).toBeGreaterThan(1024 * 1024);
    const closed = connection?.close();
    clock.advance(5000);
    await closed;
    expect(await notes.closed).toMatchObject({ by: 'local', error: { code: 'ERR_TIMEOUT' } });
    expect(listener.connectionCount).toBe(0);
  });

  test('abort drops what is buffered', async () => {
    const { peer, notes } = await openConnection();
    peer.socket.pause();
    const { connection } = notes;
    const decision = { verdict: { type: 'block', status: 403, body: 'x'.repeat(1_000_000) } } as const;
    for (let id = 0; id < 3; id += 1) connection?.send({ type: 'answer', id, decision });
    expect(connection?.bufferedBytes).toBeGreaterThan(1_000_000);
    connection?.abort();
    expect(connection?.bufferedBytes).toBe(0);
    expect(notes.reasons).toEqual([{ by: 'local' }]);
  });

  test('messages of the documented dialect end a zentinel connection', async () => {
    const { peer, notes } = await openConnection(ZENTINEL_REQUEST);
    expect(notes.connection?.peer).toMatchObject({ dialect: 'zentinel', ids: 'text', encoding: 'json' });
    peer.socket.write(frame(0xf0, '{"sequence":1,"timestamp_ms":2}'));
    const { error } = await notes.closed;
    expect(error).toBeInstanceOf(AgentwireError);
    expect(error?.code).toBe('ERR_PROTOCOL');
  });
});

test('the released proxy is answered in its own shape, at once', async () => {
  const { dial, notes } = await serve();
  const peer = await dial();
  peer.socket.write(ZENTINEL_REQUEST);
  const { text } = await peer.frame();
  expect(Object.keys(JSON.parse(text) as object)).toEqual([
    'protocol_version',
    'success',
    'error',
    'capabilities',
    'encoding',
  ]);
  expect(notes.connection?.peer.quirks).toContain('challenge_is_allow');
});

test('a listener that is full refuses with a reason', async () => {
  const { dial, listener } = await serve({ maxConnections: 1 });
  const first = await dial();
  first.socket.write(DOCUMENTED_REQUEST);
  await first.frame();
  const second = await dial();
  second.socket.write(DOCUMENTED_REQUEST);
  expect(JSON.parse((await second.frame()).text)).toMatchObject({
    accepted: false,
    error_code: 'ERR_OVERLOADED',
    error: expect.stringContaining('1 connections'),
  });
  second.socket.end();
  expect(listener.connectionCount).toBe(1);
});
