import { AgentwireError, type Clock, type TimerHandle } from '@agentwire/core';

const PERIOD_MS = 10_000;
const MIN_BYTES_PER_PERIOD = 10 * 1024;

/** Ends a stream whose unfinished message comes in slower than 1 KiB a second on average over ten seconds. */
export class FrameProgress {
  readonly #clock: Clock;
  readonly #received: () => number;
  readonly #fail: (error: AgentwireError) => void;
  #timer: TimerHandle;
  #waiting = false;
  #from = 0;

  constructor(clock: Clock, received: () => number, fail: (error: AgentwireError) => void) {
    this.#clock = clock;
    this.#received = received;
    this.#fail = fail;
  }

  /** Says whether a message is unfinished now. */
  note(partial: boolean): void {
    if (partial === this.#waiting) return;
    this.stop();
    if (!partial) return;
    this.#waiting = true;
    this.#next();
  }

  #next(): void {
    this.#from = this.#received();
    this.#timer = this.#clock.setTimeout(() => this.#check(), PERIOD_MS);
  }

  #check(): void {
    const bytes = this.#received() - this.#from;
    if (bytes < MIN_BYTES_PER_PERIOD) {
      this.stop();
      this.#fail(new AgentwireError('ERR_TIMEOUT', `a message came in at less than 1 KiB/s (${bytes} bytes in 10 s)`));
    } else this.#next();
  }

  /** Forgets the unfinished message. */
  stop(): void {
    this.#waiting = false;
    this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
