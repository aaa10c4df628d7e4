import type { Clock, RequestId } from '@agentwire/core';
import type { RequestScope } from './event-context.ts';

/** Scopes kept for one id; what comes past them is only counted. */
const MAX_PER_ID = 8;

interface Entry {
  readonly scopes: RequestScope[];
  /** Heads that came with this id and are not known to be over. */
  live: number;
  touchedAt: number;
}

/** Which request an event of the zentinel dialect belongs to. */
export interface Found {
  readonly scope: RequestScope | undefined;
  /** Whether several may be meant. */
  readonly ambiguous: boolean;
}

const NOT_FOUND: Found = Object.freeze<Found>({ scope: undefined, ambiguous: false });
const AMBIGUOUS: Found = Object.freeze<Found>({ scope: undefined, ambiguous: true });

/**
 * Requests of the zentinel dialect, for the whole process: a proxy may send their events on different connections, with an
 * id that the client chose. Bounded by count and age; an event that may belong to several requests belongs to none.
 */
export class RequestStore {
  readonly #entries = new Map<string, Entry>();
  #oldest = this.#entries.entries();
  #front: readonly [key: string, entry: Entry] | undefined;
  readonly #clock: Clock;
  readonly #max: number;
  readonly #ttlMs: number;
  #size = 0;

  constructor(clock: Clock, max: number, ttlMs: number) {
    this.#clock = clock;
    this.#max = max;
    this.#ttlMs = ttlMs;
  }

  /** Requests that are kept. */
  get size(): number {
    return this.#size;
  }

  #key(proxy: string, id: RequestId): string {
    return `${proxy}\0${id}`;
  }

  /** A request's head has come: fresh state, whatever its id. */
  add(proxy: string, id: RequestId, scope: RequestScope): void {
    this.#expire();
    const key = this.#key(proxy, id);
    const entry = this.#entries.get(key) ?? { scopes: [], live: 0, touchedAt: 0 };
    entry.live += 1;
    if (entry.scopes.length < MAX_PER_ID) {
      entry.scopes.push(scope);
      this.#size += 1;
    }
    this.#touch(key, entry);
    while (this.#size > this.#max) this.#evictOldest();
  }

  /** @param connectionId where only requests whose head came on that connection can be meant */
  find(proxy: string, id: RequestId, connectionId?: string): Found {
    const key = this.#key(proxy, id);
    const entry = this.#entries.get(key);
    if (entry === undefined) return NOT_FOUND;
    if (this.#clock.now() - entry.touchedAt >= this.#ttlMs) {
      this.#forget(key, entry);
      return NOT_FOUND;
    }
    this.#touch(key, entry);
    if (entry.live > entry.scopes.length) return AMBIGUOUS;
    const meant =
      connectionId === undefined ? entry.scopes : entry.scopes.filter((scope) => scope.connectionId === connectionId);
    if (meant.length === 0) return NOT_FOUND;
    return meant.length === 1 ? { scope: meant[0], ambiguous: false } : AMBIGUOUS;
  }

  /** One request of that id is over; with several of them it is not known which. */
  over(proxy: string, id: RequestId): void {
    const key = this.#key(proxy, id);
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    entry.live -= 1;
    if (entry.live <= 0) this.#forget(key, entry);
  }

  /** Forgets everything. */
  clear(): void {
    for (const [key, entry] of this.#entries) this.#forget(key, entry);
  }

  #touch(key: string, entry: Entry): void {
    entry.touchedAt = this.#clock.now();
    if (this.#front?.[0] === key) this.#front = undefined;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
  }

  #expire(): void {
    const before = this.#clock.now() - this.#ttlMs;
    for (let first = this.#first(); first !== undefined; first = this.#first()) {
      if (first[1].touchedAt > before) return;
      this.#forget(...first);
    }
  }

  /** The entry that was touched first. An iterator of its own for each look would walk over all that was forgotten before. */
  #first(): readonly [key: string, entry: Entry] | undefined {
    if (this.#front === undefined) {
      let next = this.#oldest.next();
      if (next.done === true) next = (this.#oldest = this.#entries.entries()).next();
      this.#front = next.value;
    }
    return this.#front;
  }

  #evictOldest(): void {
    const first = this.#first();
    if (first !== undefined) this.#forget(...first);
  }

  #forget(key: string, entry: Entry): void {
    if (this.#front?.[0] === key) this.#front = undefined;
    this.#entries.delete(key);
    this.#size -= entry.scopes.length;
    for (const { request, response } of entry.scopes) {
      for (const message of [request, response])
        message?.endBody('the request was over or forgotten before its body ended');
    }
  }
}
