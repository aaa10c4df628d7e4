/** Remembers the last keys it was shown, up to a limit, and knows them again. */
export class SeenKeys {
  readonly #limit: number;
  readonly #keys = new Set<string>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Whether a key is remembered. */
  has(key: string): boolean {
    return this.#keys.has(key);
  }

  /** Remembers a key; the oldest gives way past the limit. */
  add(key: string): void {
    if (this.#keys.size >= this.#limit) {
      const [oldest] = this.#keys;
      if (oldest !== undefined) this.#keys.delete(oldest);
    }
    this.#keys.add(key);
  }

  /** Forgets a key. */
  delete(key: string): void {
    this.#keys.delete(key);
  }
}
