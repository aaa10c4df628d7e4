/**
 * Map in the order in which its entries were last set, with constant-time access to the least recently set one.
 *
 * One iterator is kept for that: a new one for each access would walk over everything that was deleted before.
 */
export class LruMap<V> {
  readonly #entries = new Map<string, V>();
  #iterator = this.#entries.entries();
  #oldest: readonly [key: string, value: V] | undefined;

  get size(): number {
    return this.#entries.size;
  }

  get(key: string): V | undefined {
    return this.#entries.get(key);
  }

  has(key: string): boolean {
    return this.#entries.has(key);
  }

  /** Sets an entry and makes it the most recent one. */
  set(key: string, value: V): void {
    this.delete(key);
    this.#entries.set(key, value);
  }

  delete(key: string): void {
    if (this.#oldest?.[0] === key) this.#oldest = undefined;
    this.#entries.delete(key);
  }

  /** The least recently set entry. */
  get oldest(): readonly [key: string, value: V] | undefined {
    if (this.#oldest === undefined) {
      let next = this.#iterator.next();
      if (next.done === true) next = (this.#iterator = this.#entries.entries()).next();
      this.#oldest = next.value;
    }
    return this.#oldest;
  }
}
