/**
 * A map whose entries are in the order in which they were last set, with the oldest at hand.
 *
 * One iterator is kept for that: a new one for each look would walk over all that was deleted before.
 */
export class OldestFirst<V> {
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

  /** Sets an entry, which is the youngest then. */
  set(key: string, value: V): void {
    this.delete(key);
    this.#entries.set(key, value);
  }

  delete(key: string): void {
    if (this.#oldest?.[0] === key) this.#oldest = undefined;
    this.#entries.delete(key);
  }

  /** The entry whose last setting is longest ago. */
  get oldest(): readonly [key: string, value: V] | undefined {
    if (this.#oldest === undefined) {
      let next = this.#iterator.next();
      if (next.done === true) next = (this.#iterator = this.#entries.entries()).next();
      this.#oldest = next.value;
    }
    return this.#oldest;
  }
}
