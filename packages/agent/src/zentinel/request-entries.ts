import type { RequestScope } from '../runtime/request-scope.ts';
import { LruMap } from './lru-map.ts';

/** Number of scopes that are kept per id; those past it are only counted. */
const MAX_PER_ID = 8;

/** Requests of one id. */
export interface RequestEntry {
  readonly scopes: RequestScope[];
  /** Number of heads that arrived with this id and are not known to be over. */
  live: number;
  touchedAt: number;
}

/** Requests that are stored as objects, by key, with the least recently touched one at hand. */
export class RequestEntries {
  /** Number of scopes. */
  size = 0;
  /** Estimated memory of the scopes, in bytes. */
  bytes = 0;
  readonly #entries = new LruMap<RequestEntry>();

  get(key: string): RequestEntry | undefined {
    return this.#entries.get(key);
  }

  has(key: string): boolean {
    return this.#entries.has(key);
  }

  /** Adds a live request; its scope is kept if there are fewer than `maxScopes` of its key. */
  add(key: string, scope: RequestScope, now: number, maxScopes: number = MAX_PER_ID): void {
    const entry = this.#entries.get(key) ?? { scopes: [], live: 0, touchedAt: 0 };
    entry.live += 1;
    if (entry.scopes.length < maxScopes) {
      entry.scopes.push(scope);
      this.size += 1;
      this.weigh(scope);
    }
    this.touch(key, entry, now);
  }

  /** Makes an entry the most recent one. */
  touch(key: string, entry: RequestEntry, now: number): void {
    entry.touchedAt = now;
    this.#entries.set(key, entry);
  }

  /** Charges a scope with its current weight. */
  weigh(scope: RequestScope): void {
    this.bytes -= scope.chargedBytes;
    scope.chargedBytes = scope.weightBytes;
    this.bytes += scope.chargedBytes;
  }

  /** Reports the end of one live request of a key; the entry goes with the last one. */
  end(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    entry.live -= 1;
    if (entry.live <= 0) this.delete(key, entry);
  }

  delete(key: string, entry: RequestEntry): void {
    this.#entries.delete(key);
    this.size -= entry.scopes.length;
    for (const scope of entry.scopes) {
      const { request, response } = scope;
      this.bytes -= scope.chargedBytes;
      scope.chargedBytes = 0;
      for (const message of [request, response])
        message?.endBody('the request was over or evicted before its body ended');
    }
  }

  /** Time at which the least recent entry was touched; infinite where there is none. */
  get oldestTime(): number {
    return this.#entries.oldest?.[1].touchedAt ?? Infinity;
  }

  /** Evicts the least recent entry. */
  evictOldest(): void {
    const { oldest } = this.#entries;
    if (oldest !== undefined) this.delete(...oldest);
  }
}
