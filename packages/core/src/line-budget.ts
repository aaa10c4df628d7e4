import { type Clock, systemClock } from './clock.ts';

const SECOND_MS = 1_000;
/** Time after which the lines that were left out are reported, in milliseconds. */
const REPORT_MS = 10_000;

/** Limit of the lines that one source writes in a second; the number of those that were left out is reported once per 10 s. */
export class LineBudget {
  readonly #linesPerSecond: number;
  readonly #onLeftOut: (count: number) => void;
  readonly #clock: Clock;
  #secondFrom = -SECOND_MS;
  #inSecond = 0;
  #leftOut = 0;

  /** @param onLeftOut called with the number of lines that were left out, 10 s after the first of them; must not throw */
  constructor(linesPerSecond: number, onLeftOut: (count: number) => void, clock: Clock = systemClock) {
    this.#linesPerSecond = linesPerSecond;
    this.#onLeftOut = onLeftOut;
    this.#clock = clock;
  }

  /** Counts a line. @returns whether it may be written */
  admit(): boolean {
    const now = this.#clock.now();
    if (now - this.#secondFrom >= SECOND_MS) {
      this.#secondFrom = now;
      this.#inSecond = 0;
    }
    this.#inSecond += 1;
    if (this.#inSecond <= this.#linesPerSecond) return true;
    this.#leftOut += 1;
    if (this.#leftOut === 1) this.#clock.setTimeout(() => this.#report(), REPORT_MS);
    return false;
  }

  #report(): void {
    const count = this.#leftOut;
    this.#leftOut = 0;
    this.#onLeftOut(count);
  }
}
