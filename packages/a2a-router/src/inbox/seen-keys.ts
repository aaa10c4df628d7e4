import { hash } from 'node:crypto';

const LONGEST_KEPT = 64;

/** The name under which an idempotency key of one sender is remembered: at most 64 bytes, as a SHA-256 digest where it would be longer. */
export function seenKey(fromNode: string | undefined, from: number, key: string): string {
  const name = `${fromNode ?? ''}/${from}/${key}`;
  // every plain name has a slash, and no digest has one.
  return name.length * 3 <= LONGEST_KEPT || Buffer.byteLength(name) <= LONGEST_KEPT
    ? name
    : hash('sha256', name, 'hex');
}

/** Remembers the last keys it was shown, up to a limit, and knows them again. */
export class SeenKeys {
  readonly #limit: number;
  readonly #keys = new Set<string>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Tells whether a key is remembered. */
  has(key: string): boolean {
    return this.#keys.has(key);
  }

  /** Remembers a key; evicts the oldest past the limit. */
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
