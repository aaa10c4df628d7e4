interface Waiting {
  readonly isOver: () => boolean;
  readonly start: (release: () => void) => void;
}

/**
 * Look-ups of names at once. The system's look-up takes a thread of the pool that files need too, for as long as a name server does not answer, so that
 * names which are never answered must not take them all.
 */
export class LookupSlots {
  readonly #waiting = new Set<Waiting>();
  #free: number;

  constructor(size: number) {
    this.#free = size;
  }

  /** Starts a look-up once there is a slot, unless `isOver` by then; it gives the slot back with `release`. */
  run(isOver: () => boolean, start: (release: () => void) => void): void {
    this.#waiting.add({ isOver, start });
    this.#next();
  }

  #next(): void {
    for (const one of this.#waiting) {
      if (this.#free === 0) return;
      this.#waiting.delete(one);
      if (one.isOver()) continue;
      this.#free -= 1;
      let isReleased = false;
      one.start(() => {
        if (isReleased) return;
        isReleased = true;
        this.#free += 1;
        this.#next();
      });
    }
  }
}
