import { Duplex } from 'node:stream';
import type { Http2Stream } from 'node:http2';
import { setImmediate as turn } from 'node:timers/promises';
import type { AgentwireError } from '@agentwire/core';
import { createManualClock, type ManualClock } from '@agentwire/core/testing';
import { describe, expect, test } from 'vitest';
import { MessageStream, type MessageStreamUser } from '../src/connection/message-stream.ts';

function framed(count: number, length = 3): Buffer {
  const messages = Array.from({ length: count }, (_, at) => {
    const message = Buffer.alloc(5 + length);
    message.writeUInt32BE(length, 1);
    message.write(String(at), 5, 'latin1');
    return message;
  });
  return Buffer.concat(messages);
}

class Seen implements MessageStreamUser {
  readonly got: number[] = [];
  readonly ends: (AgentwireError | undefined)[] = [];
  onMessage: (count: number) => void = () => undefined;

  onFrame(buffer: Buffer, start: number): void {
    this.got.push(Number.parseInt(buffer.toString('latin1', start, start + 3), 10));
    this.onMessage(this.got.length);
  }

  onDrain(): void {
    // nothing is sent here
  }

  onEnd(error: AgentwireError | undefined): void {
    this.ends.push(error);
  }

  onFault(error: AgentwireError): void {
    this.ends.push(error);
  }
}

function setUp(): { stream: Duplex; seen: Seen; messages: MessageStream; clock: ManualClock } {
  const clock = createManualClock();
  const stream = new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() });
  const seen = new Seen();
  const options = { side: 'server', where: 'the proxy', clock, maxBytes: 1_000_000 } as const;
  return { stream, seen, clock, messages: new MessageStream(stream as unknown as Http2Stream, options, seen) };
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, at) => at);

test('a message that arrives at less than 1 KiB/s ends the stream with ERR_TIMEOUT, as on byte streams', () => {
  const { stream, seen, clock } = setUp();
  const bytes = framed(1, 50_000);
  stream.emit('data', bytes.subarray(0, 100));
  clock.advance(9_999);
  expect(seen.ends).toEqual([]);
  clock.advance(1);
  expect(seen.ends).toMatchObject([{ code: 'ERR_TIMEOUT' }]);
});

test('a message that arrives at 1 KiB/s may take long, and a whole one is forgotten', () => {
  const { stream, seen, clock } = setUp();
  const bytes = framed(1, 59 * 1024);
  for (let second = 0; second < 60; second += 1) {
    stream.emit('data', bytes.subarray(second * 1024, (second + 1) * 1024));
    clock.advance(1_000);
  }
  expect([seen.got.length, seen.ends]).toEqual([1, []]);
  clock.advance(60_000);
  expect([seen.ends, clock.pendingTimers]).toEqual([[], 0]);
});

test('an end in the middle of a message is ERR_CLOSED, as on byte streams', () => {
  const { stream, seen } = setUp();
  stream.emit('data', framed(1).subarray(0, 6));
  stream.emit('end');
  expect(seen.ends).toMatchObject([{ code: 'ERR_CLOSED' }]);
});

describe('one read', () => {
  test('is delivered over some turns, in order', async () => {
    const { stream, seen } = setUp();
    stream.emit('data', framed(40));
    expect(seen.got).toEqual(upTo(16));
    await turn();
    expect(seen.got).toEqual(upTo(32));
    await turn();
    expect(seen.got).toEqual(upTo(40));
  });

  test('is delivered before the end', () => {
    const { stream, seen } = setUp();
    seen.onMessage = () => expect(seen.ends).toHaveLength(0);
    stream.emit('data', framed(40));
    stream.emit('end');
    expect(seen.got).toEqual(upTo(40));
    expect(seen.ends).toEqual([undefined]);
  });

  test('waits while it is paused, and goes on after it', async () => {
    const { stream, seen, messages } = setUp();
    seen.onMessage = (count) => {
      if (count === 20) messages.pause();
    };
    stream.emit('data', framed(40));
    await turn();
    await turn();
    expect(seen.got).toEqual(upTo(20));
    messages.resume();
    await turn();
    await turn();
    expect(seen.got).toEqual(upTo(40));
  });

  test('is dropped with the stream', async () => {
    const { stream, seen, messages } = setUp();
    (stream as unknown as { close: () => void }).close = () => undefined;
    stream.emit('data', framed(40));
    messages.destroy(undefined);
    await turn();
    expect(seen.got).toEqual(upTo(16));
  });
});

test('reads of one message each are not kept for later', () => {
  const { stream, seen } = setUp();
  for (let i = 0; i < 50; i++) stream.emit('data', framed(1));
  expect(seen.got).toHaveLength(50);
});

test('a stream is not read while more than 256 KiB wait for later turns', async () => {
  const { stream, seen, messages } = setUp();
  // 5 MB, of which 16 messages are delivered in a turn
  const [count, length] = [500, 10_000];
  stream.push(framed(count, length));
  await turn();
  for (const [at, more] of [1, 2, 3].entries()) {
    stream.push(framed(count, length));
    expect([stream.isPaused(), more]).toEqual([true, at + 1]);
    await turn();
  }
  expect(seen.got.length).toBeLessThan(count);
  expect(messages.receivedBytes).toBe(count * (length + 5));
  while (stream.isPaused()) await turn();
  while (seen.got.length < 4 * count) await turn();
  expect(stream.isPaused()).toBe(false);
  expect(seen.ends).toEqual([]);
});
