/**
 * A map from strings to objects that live for a moment.
 *
 * A `Map` of V8 moves to a new table after as many deletions as it has room, and the old table refers to the new one. Once one of them is in
 * the old generation, all that follow, and what they held when they were replaced, stay until the next full collection: with a live
 * entry for each request that is every request. Here the tables hold numbers only.
 */
export class SlotMap<T extends object> {
  readonly #slotOf = new Map<string, number>();
  #slots: (T | undefined)[] = [];
  #free: number[] = [];

  /** Number of entries. */
  get size(): number {
    return this.#slotOf.size;
  }

  /** The entry under a key, or undefined. */
  get(key: string): T | undefined {
    const slot = this.#slotOf.get(key);
    return slot === undefined ? undefined : this.#slots[slot];
  }

  /** Adds an entry; one under the same key is replaced. */
  set(key: string, value: T): void {
    let slot = this.#slotOf.get(key);
    if (slot === undefined) {
      slot = this.#free.pop() ?? this.#slots.length;
      this.#slotOf.set(key, slot);
    }
    this.#slots[slot] = value;
  }

  /** Takes an entry out; false if there was none. */
  delete(key: string): boolean {
    const slot = this.#slotOf.get(key);
    if (slot === undefined) return false;
    this.#slotOf.delete(key);
    this.#slots[slot] = undefined;
    this.#free.push(slot);
    if (this.#slotOf.size === 0 && this.#slots.length > KEPT_SLOTS) {
      this.#slots = [];
      this.#free = [];
    }
    return true;
  }

  /** Walks over the entries, oldest first; entries may be taken out meanwhile. */
  *values(): IterableIterator<T> {
    for (const slot of this.#slotOf.values()) {
      const value = this.#slots[slot];
      if (value !== undefined) yield value;
    }
  }
}

/** Room that is kept after a peak. */
const KEPT_SLOTS = 4096;
