import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Listener } from '@agentwire/core';
import { createTcpTransport } from '@agentwire/transport-uds';
import { describe, expect, onTestFinished, test } from 'vitest';
import { agentHello, Notes } from './fixtures.ts';
import { DOCUMENTED_REQUEST, frame } from './raw-peer.ts';

/** An agent on TCP with one proxy that speaks bytes. */
async function connected(): Promise<{ notes: Notes; socket: Socket; listener: Listener }> {
  const notes = new Notes();
  const listener = await createTcpTransport().listen('tcp://127.0.0.1:0', {
    self: agentHello,
    onConnection: notes.onConnection,
  });
  const port = Number(listener.address.slice(listener.address.lastIndexOf(':') + 1));
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  onTestFinished(async () => {
    socket.destroy();
    await listener.close();
  });
  socket.write(DOCUMENTED_REQUEST);
  await once(socket, 'data');
  return { notes, socket, listener };
}

const ping = frame(0xf0, '{"sequence":1,"timestamp_ms":2}');

describe('the other side', () => {
  test('resets: what had come is delivered, then the end says so', async () => {
    const { notes, socket, listener } = await connected();
    socket.write(ping);
    await notes.received(1);
    socket.resetAndDestroy();
    expect(await notes.closed).toMatchObject({ by: 'remote', error: { code: 'ERR_CLOSED', message: /ECONNRESET/ } });
    expect(listener.connectionCount).toBe(0);
  });

  test('ends: what had come is delivered, and there is no error', async () => {
    const { notes, socket } = await connected();
    socket.end(Buffer.concat([ping, ping]));
    expect(await notes.closed).toEqual({ by: 'remote' });
    expect(notes.messages).toHaveLength(2);
  });

  test('ends while this side is paused: nothing is lost', async () => {
    const { notes, socket } = await connected();
    notes.connection?.pause();
    socket.end(Buffer.concat([ping, ping, ping]));
    await once(socket, 'finish');
    expect(notes.messages).toHaveLength(0);
    notes.connection?.resume();
    expect(await notes.closed).toEqual({ by: 'remote' });
    expect(notes.messages).toHaveLength(3);
  });

  test('is closed while this side is paused: close does not wait for its deadline', async () => {
    const { notes, socket } = await connected();
    notes.connection?.pause();
    socket.write(ping);
    socket.once('end', () => socket.end());
    socket.resume();
    await notes.connection?.close();
    expect(notes.reasons).toEqual([{ by: 'local' }]);
    expect(notes.messages).toEqual([]);
  });
});

test('receivedBytes grows with every byte, whole messages or not', async () => {
  const { notes, socket } = await connected();
  const before = notes.connection?.receivedBytes ?? 0;
  expect(before).toBe(DOCUMENTED_REQUEST.length);
  socket.write(Buffer.concat([ping, ping.subarray(0, 3)]));
  while ((notes.connection?.receivedBytes ?? 0) < before + ping.length + 3) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(notes.messages).toHaveLength(1);
});
