import { createManualClock } from '@agentwire/core/testing';
import { expect, test, vi } from 'vitest';
import { beatIntervalMs, HangWatch } from '../../src/workers/hang-watch.ts';

test('a process is silent for the time before it counts as hanging, once', () => {
  const clock = createManualClock();
  const onHang = vi.fn();
  const watch = new HangWatch(clock, 1_000, onHang);
  for (let at = 0; at < 100; at += 1) {
    clock.advance(beatIntervalMs(1_000));
    watch.beat();
  }
  expect(onHang).not.toHaveBeenCalled();
  clock.advance(1_000);
  expect(onHang).not.toHaveBeenCalled();
  clock.advance(250);
  expect(onHang).toHaveBeenCalledOnce();
  clock.advance(60_000);
  expect(onHang).toHaveBeenCalledOnce();
});

test('no process hangs after the watch was stopped', () => {
  const clock = createManualClock();
  const onHang = vi.fn();
  new HangWatch(clock, 1_000, onHang).stop();
  clock.advance(60_000);
  expect(onHang).not.toHaveBeenCalled();
});
