import type { AgentwireError } from '@agentwire/core';
import { createManualClock, type ManualClock } from '@agentwire/core/testing';
import { createFrameDecoder, type FrameDecoder } from '@agentwire/wire-codec';
import { SlowFrameGuard } from '@agentwire/wire-codec/internal';
import { expect, test } from 'vitest';

interface Watched {
  readonly clock: ManualClock;
  readonly decoder: FrameDecoder;
  readonly guard: SlowFrameGuard;
  readonly errors: AgentwireError[];
  readonly read: (bytes: Buffer) => void;
}

/** A decoder that is fed as a transport feeds it. */
function watched(): Watched {
  const clock = createManualClock();
  const errors: AgentwireError[] = [];
  const decoder = createFrameDecoder({ onFrame: () => undefined, now: () => clock.now() });
  const guard = new SlowFrameGuard(decoder, clock, (error) => errors.push(error));
  const read = (bytes: Buffer): void => {
    decoder.push(bytes);
    if (decoder.incompleteBytes > 0) guard.watch();
  };
  return { clock, decoder, guard, errors, read };
}

function header(length: number): Buffer {
  const bytes = Buffer.alloc(5);
  bytes.writeUInt32BE(length);
  return bytes;
}

test('a frame that trickles in is ERR_TIMEOUT after ten seconds', () => {
  const { clock, errors, read } = watched();
  read(header(100_000));
  for (let second = 1; second < 10; second++) {
    clock.advance(1_000);
    read(Buffer.alloc(1));
  }
  expect(errors).toEqual([]);
  clock.advance(1_000);
  expect(errors.map(({ code }) => code)).toEqual(['ERR_TIMEOUT']);
  expect(errors[0]?.message).toContain('14 bytes in 10000 ms, at least 10240');
  expect(clock.pendingTimers).toBe(0);
});

test('a frame that comes at 1 KiB a second may take its time', () => {
  const { clock, errors, decoder, read } = watched();
  read(header(1024 * 1024 + 1));
  for (let second = 0; second < 1024; second++) {
    read(Buffer.alloc(1024));
    clock.advance(1_000);
  }
  expect([errors, decoder.incompleteBytes]).toEqual([[], 0]);
  clock.advance(60_000);
  expect([errors, clock.pendingTimers]).toEqual([[], 0]);
});

test('progress is that of one frame: bytes of the frames before it do not count', () => {
  const { clock, errors, read } = watched();
  read(header(20_000));
  clock.advance(9_000);
  // the first is whole, the second begins
  read(Buffer.concat([Buffer.alloc(19_999), header(20_000)]));
  clock.advance(10_000);
  expect(errors.map(({ code }) => code)).toEqual(['ERR_TIMEOUT']);
});

test('the second half of a frame is watched like the first', () => {
  const { clock, errors, read } = watched();
  read(Buffer.concat([header(30_000), Buffer.alloc(15_000)]));
  clock.advance(10_000);
  expect(errors).toEqual([]);
  clock.advance(10_000);
  expect(errors).toHaveLength(1);
});

test('time in which this side does not read does not count', () => {
  const { clock, errors, guard, read } = watched();
  read(header(100_000));
  clock.advance(9_000);
  guard.stop();
  expect(clock.pendingTimers).toBe(0);
  clock.advance(60_000);
  guard.watch();
  clock.advance(9_999);
  expect(errors).toEqual([]);
  clock.advance(1);
  expect(errors).toHaveLength(1);
});
