/** Slots of the handlers of one durable inbox, or of other work: what has high priority gets the next free one before all others. */
export class HandlerSlots {
  #free: number;
  readonly #high: (() => void)[] = [];
  readonly #normal: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  /** Resolves once a slot is free, in the order of calls with the same priority; each call needs one {@link HandlerSlots.release}. */
  acquire(isHigh: boolean): Promise<void> {
    if (this.#free > 0) {
      this.#free -= 1;
      return Promise.resolve();
    }
    return new Promise((resolve) => (isHigh ? this.#high : this.#normal).push(resolve));
  }

  /** Gives a slot back. */
  release(): void {
    const next = this.#high.shift() ?? this.#normal.shift();
    if (next === undefined) this.#free += 1;
    else next();
  }
}
