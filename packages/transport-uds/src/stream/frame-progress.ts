import { AgentwireError, type Clock, type TimerHandle } from '@agentwire/core';
import type { FrameDecoder } from '@agentwire/wire-codec';

/** How long a frame may be under way before its progress is looked at, and again after that, in milliseconds. */
const WINDOW_MS = 10_000;
/** What must come of it in that time, in bytes: 1 KiB a second. */
const WINDOW_BYTES = 10 * 1024;

/**
 * Watches that a frame which has begun also arrives: 1 KiB a second on average over ten seconds, or it is whole by then.
 *
 * One timer a connection, set again only when it fires, so that fast streams pay nothing for it.
 */
export class FrameProgress {
  readonly #decoder: FrameDecoder;
  readonly #clock: Clock;
  readonly #onStuck: (error: AgentwireError) => void;
  #timer: TimerHandle = undefined;
  #armed = false;
  /** Which frame was looked at last, by when it began, and how much of it was there. */
  #seenSinceMs = -1;
  #seenBytes = 0;

  constructor(decoder: FrameDecoder, clock: Clock, onStuck: (error: AgentwireError) => void) {
    this.#decoder = decoder;
    this.#clock = clock;
    this.#onStuck = onStuck;
  }

  /** Looks after the frame that is under way; without effect while it does already. */
  watch(): void {
    if (!this.#armed) this.#arm(WINDOW_MS);
  }

  /** Forgets what it saw; a reader that pauses is no fault of the other side. */
  stop(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#armed = false;
    this.#seenSinceMs = -1;
  }

  #arm(delayMs: number): void {
    this.#armed = true;
    this.#timer = this.#clock.setTimeout(() => this.#look(), delayMs);
  }

  #look(): void {
    this.#armed = false;
    const { incompleteBytes, incompleteSinceMs } = this.#decoder;
    if (incompleteBytes === 0) return;
    const ageMs = this.#clock.now() - incompleteSinceMs;
    if (ageMs < WINDOW_MS) {
      this.#arm(WINDOW_MS - ageMs);
      return;
    }
    const before = this.#seenSinceMs === incompleteSinceMs ? this.#seenBytes : 0;
    if (incompleteBytes - before < WINDOW_BYTES) {
      this.#onStuck(
        new AgentwireError(
          'ERR_TIMEOUT',
          `a frame makes no progress: ${incompleteBytes - before} bytes in ${WINDOW_MS} ms, at least ${WINDOW_BYTES} must come`,
        ),
      );
      return;
    }
    this.#seenSinceMs = incompleteSinceMs;
    this.#seenBytes = incompleteBytes;
    this.#arm(WINDOW_MS);
  }
}
