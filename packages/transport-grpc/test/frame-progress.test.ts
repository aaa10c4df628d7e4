import type { AgentwireError } from '@agentwire/core';
import { createManualClock } from '@agentwire/core/testing';
import { expect, test } from 'vitest';
import { FrameProgress } from '../src/connection/frame-progress.ts';

test('a message that trickles in is given up after ten seconds, as on the stream transports', () => {
  const clock = createManualClock();
  const errors: AgentwireError[] = [];
  let received = 0;
  const progress = new FrameProgress(
    clock,
    () => received,
    (error) => errors.push(error),
  );
  progress.note(true);
  for (let second = 1; second < 10; second++) {
    received += 1;
    clock.advance(1_000);
  }
  expect(errors).toEqual([]);
  clock.advance(1_000);
  expect(errors.map(({ code }) => code)).toEqual(['ERR_TIMEOUT']);
  expect(clock.pendingTimers).toBe(0);
});

test('one that comes at 1 KiB/s may take as long as it wants, and one that became whole is forgotten', () => {
  const clock = createManualClock();
  const errors: AgentwireError[] = [];
  let received = 0;
  const progress = new FrameProgress(
    clock,
    () => received,
    (error) => errors.push(error),
  );
  progress.note(true);
  for (let second = 0; second < 60; second++) {
    received += 1024;
    clock.advance(1_000);
  }
  progress.note(false);
  clock.advance(60_000);
  expect([errors, clock.pendingTimers]).toEqual([[], 0]);
});
