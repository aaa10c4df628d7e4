import { setImmediate as turn } from 'node:timers/promises';
import { Outbox, writeFrame } from '@agentwire/wire-codec';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

type Done = (error?: Error | null) => void;

/** A sink that keeps the written chunks, and completes writes on demand. */
class Wire {
  readonly writes: Buffer[] = [];
  readonly #waiting: Done[] = [];

  write(chunk: Uint8Array, done: Done): void {
    this.writes.push(Buffer.from(chunk));
    this.#waiting.push(done);
  }

  get all(): string {
    return Buffer.concat(this.writes).toString('latin1');
  }

  /** Writes in flight. */
  get flying(): number {
    return this.#waiting.length;
  }

  finish(error?: Error): void {
    this.#waiting.shift()?.(error);
  }
}

function put(outbox: Outbox, text: string): boolean {
  const at = outbox.reserve(text.length);
  outbox.bytes.write(text, at, 'latin1');
  return outbox.commit(at + text.length);
}

function setUp(options: { highWaterBytes?: number; earlyFlushBytes?: number; maxWrites?: number } = {}): {
  wire: Wire;
  outbox: Outbox;
  drains: () => number;
} {
  let drains = 0;
  const wire = new Wire();
  const outbox = new Outbox(wire, { ...options, onDrain: () => (drains += 1) });
  return { wire, outbox, drains: () => drains };
}

test('messages of one tick are one write', async () => {
  const { wire, outbox } = setUp();
  for (const text of ['a', 'b', 'c']) put(outbox, text);
  expect(wire.writes).toHaveLength(0);
  await turn();
  expect(wire.writes.map(String)).toEqual(['abc']);
});

test('the first message of a turn is written at its tick, and those of later ticks at the end of the turn', async () => {
  const { wire, outbox } = setUp();
  const seen: string[][] = [];
  // each callback of an immediate ends a tick, as one of a socket does
  for (const text of ['a', 'b', 'c', 'd'])
    setImmediate(() => {
      put(outbox, text);
      process.nextTick(() => seen.push(wire.writes.map(String)));
    });
  await turn();
  await turn();
  expect(seen).toEqual([['a'], ['a'], ['a'], ['a']]);
  expect(wire.writes.map(String)).toEqual(['a', 'bcd']);
  // a turn without messages: the next one is written at once again
  await turn();
  put(outbox, 'e');
  await new Promise<void>((resolve) => process.nextTick(resolve));
  expect(wire.writes.map(String)).toEqual(['a', 'bcd', 'e']);
});

test('at most maxWrites are in flight, and pending bytes are gathered and follow', async () => {
  const { wire, outbox } = setUp({ maxWrites: 1 });
  put(outbox, 'one');
  await turn();
  put(outbox, 'two');
  put(outbox, 'three');
  await turn();
  expect([wire.flying, wire.all, outbox.size]).toEqual([1, 'one', 11]);
  wire.finish();
  expect([wire.flying, wire.all, outbox.size]).toEqual([1, 'onetwothree', 8]);
  wire.finish();
  expect(outbox.size).toBe(0);
});

test('a write does not wait for the one before it', async () => {
  const { wire, outbox } = setUp();
  for (let i = 0; i < 10; i++) {
    put(outbox, String(i));
    await turn();
  }
  expect([wire.flying, wire.all, outbox.size]).toEqual([8, '01234567', 10]);
  wire.finish();
  expect([wire.flying, wire.all]).toEqual([8, '0123456789']);
});

test('a full buffer is written although many writes are in flight, so that nothing is copied', () => {
  const { wire, outbox } = setUp({ maxWrites: 1, earlyFlushBytes: 1 });
  put(outbox, 'a'.repeat(200_000));
  put(outbox, 'b'.repeat(50_000));
  put(outbox, 'c'.repeat(50_000));
  expect(wire.writes.map((write) => write.length)).toEqual([200_000, 50_000]);
  expect(outbox.size).toBe(300_000);
});

test('an idle outbox has a small buffer', async () => {
  const { wire, outbox } = setUp();
  put(outbox, 'x'.repeat(10_000));
  await turn();
  expect(outbox.bytes.length).toBeGreaterThan(10_000);
  wire.finish();
  expect(outbox.bytes.length).toBeLessThan(4096);
});

test('many bytes are written before the tick ends', () => {
  const { wire, outbox } = setUp({ earlyFlushBytes: 8 });
  put(outbox, 'short');
  expect(wire.writes).toHaveLength(0);
  put(outbox, 'longer');
  expect(wire.all).toBe('shortlonger');
});

test('commit returns false above the high-water mark, and onDrain follows at half of it', async () => {
  const { wire, outbox, drains } = setUp({ highWaterBytes: 100 });
  expect(put(outbox, 'x'.repeat(90))).toBe(true);
  await turn();
  expect(put(outbox, 'x'.repeat(60))).toBe(false);
  expect(put(outbox, 'x')).toBe(false);
  wire.finish();
  expect(drains()).toBe(0);
  wire.finish();
  expect(drains()).toBe(1);
  expect(put(outbox, 'x')).toBe(true);
});

describe('transaction', () => {
  test('removes its bytes when it throws', async () => {
    const { wire, outbox } = setUp({ earlyFlushBytes: 4 });
    put(outbox, 'a');
    const failing = (): void => {
      put(outbox, 'gone'.repeat(50_000));
      throw new Error('no');
    };
    expect(() => outbox.transaction(failing)).toThrow('no');
    put(outbox, 'b');
    await turn();
    expect(wire.all).toBe('ab');
  });

  test('removes bytes that filled several buffers', () => {
    const { wire, outbox } = setUp();
    put(outbox, 'kept'.repeat(30_000));
    const failing = (): void => {
      for (let i = 0; i < 8; i++) put(outbox, 'gone'.repeat(15_000));
      throw new Error('no');
    };
    expect(() => outbox.transaction(failing)).toThrow('no');
    expect(outbox.size).toBe(120_000);
    put(outbox, 'b'.repeat(100_000));
    outbox.flush();
    while (wire.flying > 0) wire.finish();
    expect(wire.all === 'kept'.repeat(30_000) + 'b'.repeat(100_000)).toBe(true);
  });

  test('writes nothing before the outermost one ends', async () => {
    const { wire, outbox } = setUp({ earlyFlushBytes: 1 });
    outbox.transaction(() => {
      put(outbox, 'a');
      outbox.transaction(() => put(outbox, 'b'));
      expect(() =>
        outbox.transaction(() => {
          put(outbox, 'c');
          throw new Error('inner');
        }),
      ).toThrow('inner');
      put(outbox, 'd');
      outbox.flush();
      expect(wire.writes).toHaveLength(0);
    });
    await turn();
    expect(wire.all).toBe('abd');
  });
});

test('whenEmpty comes at once or after the last write, and never after a failure', async () => {
  const { wire, outbox } = setUp({ maxWrites: 1 });
  let calls = 0;
  const called = (): number => (calls += 1);
  outbox.whenEmpty(called);
  expect(calls).toBe(1);
  put(outbox, 'a');
  outbox.whenEmpty(called);
  expect([calls, wire.all]).toEqual([1, 'a']);
  wire.finish();
  expect(calls).toBe(2);
  put(outbox, 'b');
  await turn();
  put(outbox, 'c');
  outbox.whenEmpty(called);
  wire.finish(new Error('broken'));
  expect([calls, wire.all]).toEqual([2, 'ab']);
});

test('discard drops pending bytes and writes in flight, and nothing is written after it', async () => {
  const { wire, outbox, drains } = setUp({ highWaterBytes: 4 });
  put(outbox, 'flying');
  await turn();
  put(outbox, 'waiting');
  outbox.discard();
  expect(outbox.size).toBe(0);
  put(outbox, 'late');
  wire.finish();
  await turn();
  expect([wire.all, drains()]).toEqual(['flying', 0]);
});

test('nothing is lost, doubled or overwritten while writes are slow', () => {
  const step = fc.oneof(fc.constant('finish' as const), fc.constant('flush' as const), fc.nat(400_000), fc.nat(9000));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const { wire, outbox } = setUp();
      let sent = '';
      const flying: { readonly chunk: Uint8Array; readonly copy: Buffer; readonly done: Done }[] = [];
      wire.write = (chunk, done) => void flying.push({ chunk, copy: Buffer.from(chunk), done });
      let arrived = '';
      const finish = (): void => {
        const write = flying.shift();
        if (write === undefined) return;
        // unchanged since the write began
        expect(write.copy.equals(write.chunk)).toBe(true);
        arrived += write.copy.toString('latin1');
        write.done();
      };
      for (const [at, one] of steps.entries()) {
        if (one === 'finish') finish();
        else if (one === 'flush') outbox.flush();
        else {
          const text = String.fromCodePoint(97 + (at % 26)).repeat(one);
          sent += text;
          put(outbox, text);
        }
      }
      outbox.flush();
      while (flying.length > 0) finish();
      expect(arrived.length).toBe(sent.length);
      expect(arrived === sent).toBe(true);
    }),
    { numRuns: 60 },
  );
});

test('1 000 connections that each send a few KiB in one tick share no large buffers', () => {
  const before = process.memoryUsage().arrayBuffers;
  const outboxes = Array.from(
    { length: 1_000 },
    () => new Outbox({ write: () => undefined }, { onDrain: () => undefined }),
  );
  for (const outbox of outboxes) for (let at = 0; at < 10; at++) put(outbox, 'x'.repeat(400));
  for (const outbox of outboxes) outbox.flush();
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(32e6);
  expect(outboxes.every(({ size }) => size === 4_000)).toBe(true);
});

test('writeFrame writes length, type and payload, and enforces its limit', async () => {
  const { wire, outbox } = setUp();
  writeFrame(outbox, 0x20, Buffer.from('hi'), 3);
  expect(() => writeFrame(outbox, 0x20, Buffer.from('hey'), 3)).toThrow(/4 bytes, limit 3/);
  await turn();
  expect(wire.writes.map((write) => write.toString('hex'))).toEqual(['00000003206869']);
});
