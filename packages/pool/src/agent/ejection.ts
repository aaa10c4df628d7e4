import type { Lifecycle } from '@agentwire/core/internal';

/** Settings of an {@link Ejection}. */
export interface EjectionSettings {
  /** Failures in a row that eject a connection; `Infinity`: none do. */
  readonly threshold: number;
  /** Time of the first ejection, in milliseconds; a connection that fails again soon is ejected for 2, 3, … 10 times as long. */
  readonly timeMs: number;
}

/** Longest ejection, as a multiple of the first one; also the good conduct after which the count begins anew. */
const MAX_TIMES = 10;

/** Transitions of an {@link Ejection}, for docs/lifecycle.md. */
export const EJECTION_LIFECYCLE: Lifecycle<'admitted' | 'ejected'> = {
  admitted: { eject: 'ejected' },
  ejected: { 'time over': 'admitted', 'new session': 'admitted' },
};

/** Outlier ejection of one connection: it gets no new requests for a time after failures in a row. */
export class Ejection {
  readonly #settings: EjectionSettings;
  /** Set while the last outcome is a failure. */
  failing = false;
  #failuresInRow = 0;
  #times = 0;
  #ejectedUntil: number | undefined;
  #returnedAt = -Infinity;

  constructor(settings: EjectionSettings) {
    this.#settings = settings;
  }

  /** Records an outcome. @returns whether its failures in a row are enough for {@link eject} */
  record(failed: boolean): boolean {
    this.failing = failed;
    this.#failuresInRow = failed ? this.#failuresInRow + 1 : 0;
    return this.#failuresInRow >= this.#settings.threshold;
  }

  /** Ejects the connection. @returns the time that it is out, in milliseconds */
  eject(now: number): number {
    if (this.isEjected(now)) return (this.#ejectedUntil ?? now) - now;
    const { timeMs } = this.#settings;
    if (now - this.#returnedAt >= timeMs * MAX_TIMES) this.#times = 0;
    this.#times = Math.min(this.#times + 1, MAX_TIMES);
    this.#failuresInRow = 0;
    this.failing = false;
    this.#ejectedUntil = now + timeMs * this.#times;
    return timeMs * this.#times;
  }

  /** Returns whether it is ejected at `now`. */
  isEjected(now: number): boolean {
    if (this.#ejectedUntil === undefined) return false;
    if (now < this.#ejectedUntil) return true;
    this.#returnedAt = this.#ejectedUntil;
    this.#ejectedUntil = undefined;
    return false;
  }

  /** Readmits the connection, and forgets what it did: it has a new session. */
  clear(): void {
    this.#failuresInRow = 0;
    this.failing = false;
    this.#times = 0;
    this.#ejectedUntil = undefined;
  }
}
