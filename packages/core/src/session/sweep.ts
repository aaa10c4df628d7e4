import type { Clock, TimerHandle } from '../clock.ts';

/** Looks after something again and again for as long as there is something to look after; at rest it has no timer. */
export class Sweep {
  /** Whether a look is due. Stays `true` after {@link stop}, so that nothing starts it again. */
  running = false;
  readonly #clock: Clock;
  readonly #everyMs: number;
  readonly #look: () => boolean;
  #timer: TimerHandle;

  /** @param look does the work and tells whether there is something left to look after */
  constructor(clock: Clock, everyMs: number, look: () => boolean) {
    this.#clock = clock;
    this.#everyMs = everyMs;
    this.#look = look;
  }

  /** Starts the wait for the next look; only for one that is not {@link running}. */
  start(): void {
    this.running = true;
    this.#timer = this.#clock.setTimeout(() => {
      this.running = false;
      const more = this.#look();
      // the look may have started it, or stopped it for good
      if (more && !this.running) this.start();
    }, this.#everyMs);
  }

  /** Ends it for good. */
  stop(): void {
    this.#clock.clearTimeout(this.#timer);
    this.running = true;
  }
}
