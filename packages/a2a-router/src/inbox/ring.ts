/** A first-in first-out queue on a ring that grows by doubling; taking and adding cost the same at any length. */
export class Ring<T> {
  #slots: (T | undefined)[] = Array.from({ length: 16 });
  #mask = 15;
  #head = 0;
  #length = 0;

  /** Number of items. */
  get length(): number {
    return this.#length;
  }

  /** Adds an item at the end. */
  push(item: T): void {
    if (this.#length > this.#mask) this.#grow();
    this.#slots[(this.#head + this.#length) & this.#mask] = item;
    this.#length += 1;
  }

  /** Takes the oldest item, or gives undefined. */
  shift(): T | undefined {
    if (this.#length === 0) return undefined;
    const item = this.#slots[this.#head];
    this.#slots[this.#head] = undefined;
    this.#head = (this.#head + 1) & this.#mask;
    this.#length -= 1;
    return item;
  }

  /** Takes the oldest item that `wanted` accepts, or gives undefined; costs a walk. */
  take(wanted: (item: T) => boolean): T | undefined {
    const all = this.drain();
    let found: T | undefined;
    for (const item of all) {
      if (found === undefined && wanted(item)) found = item;
      else this.push(item);
    }
    return found;
  }

  /** Takes everything, oldest first. */
  drain(): T[] {
    const all: T[] = [];
    for (let item = this.shift(); item !== undefined; item = this.shift()) all.push(item);
    return all;
  }

  /** Walks over what it holds, oldest first. */
  *[Symbol.iterator](): IterableIterator<T> {
    for (let at = 0; at < this.#length; at += 1) {
      const item = this.#slots[(this.#head + at) & this.#mask];
      if (item !== undefined) yield item;
    }
  }

  #grow(): void {
    const length = this.#length;
    const all = this.drain();
    this.#slots = [...all, ...Array.from({ length: all.length }, () => undefined)];
    this.#mask = this.#slots.length - 1;
    this.#head = 0;
    this.#length = length;
  }
}
