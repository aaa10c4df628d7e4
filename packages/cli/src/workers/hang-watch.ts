import type { Clock, TimerHandle } from '@agentwire/core';

/** Looks at a worker per `timeoutMs`: messages of a worker are that frequent at least. */
const LOOKS = 4;

/** Time between two messages of a worker whose hanging is told after `timeoutMs`, in milliseconds. */
export function beatIntervalMs(timeoutMs: number): number {
  return Math.max(1, Math.floor(timeoutMs / LOOKS / 2));
}

/**
 * Calls `onHang` once when no {@link beat} has come for `timeoutMs`. It counts its own looks rather than time: where this process or the
 * whole machine stood still, the messages of that time are read before the next look.
 */
export class HangWatch {
  readonly #clock: Clock;
  readonly #onHang: () => void;
  readonly #intervalMs: number;
  #timer: TimerHandle;
  #silentLooks = 0;

  constructor(clock: Clock, timeoutMs: number, onHang: () => void) {
    this.#clock = clock;
    this.#onHang = onHang;
    this.#intervalMs = timeoutMs / LOOKS;
    this.#next();
  }

  /** Begins the time anew. */
  beat(): void {
    this.#silentLooks = 0;
  }

  stop(): void {
    this.#clock.clearTimeout(this.#timer);
  }

  #next(): void {
    this.#timer = this.#clock.setTimeout(() => {
      this.#silentLooks += 1;
      if (this.#silentLooks > LOOKS) this.#onHang();
      else this.#next();
    }, this.#intervalMs);
  }
}
