import { AgentwireError, type Clock, type TimerHandle } from '@agentwire/core';
import type { LengthPrefixedReader } from './length-prefixed-reader.ts';

/** Time after which the progress of a cut frame is checked, and again after that. */
const WINDOW_MS = 10_000;
/** Bytes of it that must come in that time. */
const WINDOW_BYTES = 10 * 1024;

/** Progress of the frame that a reader has in part. */
export type FrameProgress = Pick<LengthPrefixedReader, 'incompleteBytes' | 'incompleteSinceMs'>;

/**
 * Fails a connection whose cut frame arrives slower than 1 KiB a second on average over ten seconds.
 *
 * One timer per connection, set again only when it fires, so that a fast stream pays one flag per read.
 */
export class SlowFrameGuard {
  readonly #progress: FrameProgress;
  readonly #clock: Clock;
  readonly #onSlow: (error: AgentwireError) => void;
  #timer: TimerHandle = undefined;
  #armed = false;
  /** The frame that was checked last, by when it began, and how much of it was there. */
  #checkedSinceMs = -1;
  #checkedBytes = 0;

  /**
   * @param progress the reader, which needs the clock's `now`
   * @param onSlow called once per slow frame, with `ERR_TIMEOUT`
   */
  constructor(progress: FrameProgress, clock: Clock, onSlow: (error: AgentwireError) => void) {
    this.#progress = progress;
    this.#clock = clock;
    this.#onSlow = onSlow;
  }

  /** Watches the frame that is cut now; to be called after each read that leaves one. */
  watch(): void {
    if (!this.#armed) this.#arm(WINDOW_MS);
  }

  /** Stops watching, for good or until the next {@link watch}: a pause of this side is no fault of the other. */
  stop(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#armed = false;
    this.#checkedSinceMs = -1;
  }

  #arm(delayMs: number): void {
    this.#armed = true;
    this.#timer = this.#clock.setTimeout(() => this.#check(), delayMs);
  }

  #check(): void {
    this.#armed = false;
    const { incompleteBytes, incompleteSinceMs } = this.#progress;
    if (incompleteBytes === 0) return;
    const ageMs = this.#clock.now() - incompleteSinceMs;
    if (ageMs < WINDOW_MS) {
      this.#arm(WINDOW_MS - ageMs);
      return;
    }
    const before = this.#checkedSinceMs === incompleteSinceMs ? this.#checkedBytes : 0;
    if (incompleteBytes - before < WINDOW_BYTES) {
      const came = `${incompleteBytes - before} bytes in ${WINDOW_MS} ms, at least ${WINDOW_BYTES} must come`;
      this.#onSlow(new AgentwireError('ERR_TIMEOUT', `a frame makes no progress: ${came}`));
      return;
    }
    this.#checkedSinceMs = incompleteSinceMs;
    this.#checkedBytes = incompleteBytes;
    this.#arm(WINDOW_MS);
  }
}
