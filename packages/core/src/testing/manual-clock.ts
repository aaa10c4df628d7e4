import type { Clock } from '../clock.ts';

/** Clock that only {@link ManualClock.advance} moves. */
export interface ManualClock extends Clock {
  /** Moves time on by `ms`, running timers in their order, each at its own time; timers set by timers run too. */
  advance(ms: number): void;
  /** Timers that have not fired. A test that leaves some has found a leak. */
  readonly pendingTimers: number;
}

interface Timer {
  readonly at: number;
  readonly order: number;
  readonly callback: () => void;
}

/** Creates a {@link ManualClock} that starts at monotonic 0 and wall time `startWallMs` (default 2025-01-01 UTC). */
export function createManualClock(startWallMs = 1_735_689_600_000): ManualClock {
  let now = 0;
  let order = 0;
  const timers = new Set<Timer>();
  const next = (until: number): Timer | undefined => {
    let first: Timer | undefined;
    for (const timer of timers) {
      if (timer.at > until) continue;
      if (first === undefined || timer.at < first.at || (timer.at === first.at && timer.order < first.order))
        first = timer;
    }
    return first;
  };
  return {
    now: () => now,
    wallNow: () => startWallMs + now,
    setTimeout(callback, delayMs) {
      order += 1;
      const timer: Timer = { at: now + Math.max(0, delayMs), order, callback };
      timers.add(timer);
      return timer;
    },
    clearTimeout(handle) {
      timers.delete(handle as Timer);
    },
    advance(ms) {
      const until = now + ms;
      for (let timer = next(until); timer !== undefined; timer = next(until)) {
        timers.delete(timer);
        now = Math.max(now, timer.at);
        timer.callback();
      }
      now = until;
    },
    get pendingTimers() {
      return timers.size;
    },
  };
}
