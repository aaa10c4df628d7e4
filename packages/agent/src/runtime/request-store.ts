import type { EncodedMessage, RequestId } from '@agentwire/core';
import { hashOfId } from '../archive/id-hash.ts';
import { RequestArchive, type Restored } from '../archive/request-archive.ts';
import type { ContextHost, RequestScope } from './event-context.ts';
import { OldestFirst } from './oldest-first.ts';
import { reviveScope } from './revive-scope.ts';

/** Scopes kept for one id; what comes past them is only counted. */
const MAX_PER_ID = 8;
/**
 * Most memory for what is kept, in bytes, as objects and in the archive together: 256 MiB. Clients choose how long their
 * heads are, so their number bounds nothing.
 */
export const MAX_KEPT_BYTES: number = 256 * 1024 * 1024;

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
 *
 * A request of which only the head is left lies in an archive, and comes from there when something asks for it.
 */
export class RequestStore {
  readonly #entries = new OldestFirst<Entry>();
  readonly #archive = new RequestArchive<RequestScope>();
  readonly #host: ContextHost;
  readonly #max: number;
  readonly #ttlMs: number;
  readonly #maxBytes: number;
  #size = 0;
  /** Estimated memory of the scopes in entries. */
  #bytes = 0;

  constructor(host: ContextHost, max: number, ttlMs: number, maxBytes: number = MAX_KEPT_BYTES) {
    this.#host = host;
    this.#max = max;
    this.#ttlMs = ttlMs;
    this.#maxBytes = maxBytes;
  }

  /** Requests that are kept. */
  get size(): number {
    return this.#size + this.#archive.size;
  }

  #key(proxy: string, id: RequestId): string {
    return `live ${proxy}\0${id}`;
  }

  /** A request's head has come: fresh state, whatever its id. @param decided whether its handler is done with it */
  keep(scope: RequestScope, encoded: EncodedMessage | undefined, decided: boolean): void {
    const now = this.#host.clock.now();
    this.#expire(now - this.#ttlMs);
    scope.kept = true;
    if (!decided || !scope.isBare || !this.#putAway(scope, encoded, now)) this.#add(scope);
    this.#makeRoom();
  }

  #makeRoom(): void {
    while (this.size > 0 && (this.size > this.#max || this.#bytes + this.#archive.bytes > this.#maxBytes))
      this.#evictOldest();
  }

  /** Counts the head of a response, which is kept with its request. */
  weighAgain(scope: RequestScope): void {
    if (scope.keptBytes === 0) return;
    this.#weigh(scope);
    this.#makeRoom();
  }

  #weigh(scope: RequestScope): void {
    this.#bytes -= scope.keptBytes;
    scope.keptBytes = scope.weight;
    this.#bytes += scope.keptBytes;
  }

  #putAway(scope: RequestScope, encoded: EncodedMessage | undefined, now: number): boolean {
    if (encoded === undefined) return false;
    const { id, connection } = scope;
    const { name } = connection.peer;
    if (this.#entries.size > 0 && this.#entries.has(this.#key(name, id))) return false;
    if (!this.#archive.put(hashOfId(name, id), connection, encoded, scope, now)) return false;
    scope.archivedAt = now;
    return true;
  }

  /** All that the archive has under this id, or only under its hash, belongs to the others from now on. */
  #bringBack(proxy: string, id: RequestId): void {
    if (this.#archive.size === 0) return;
    const hash = hashOfId(proxy, id);
    const since = this.#host.clock.now() - this.#ttlMs;
    for (let one = this.#archive.take(hash); one !== undefined; one = this.#archive.take(hash)) {
      const scope = one.time > since ? this.#scopeOf(one) : undefined;
      if (scope !== undefined) this.#put(scope);
    }
  }

  #scopeOf({ recent, head, connection }: Restored<RequestScope>): RequestScope | undefined {
    if (recent !== undefined) return recent;
    return head === undefined ? undefined : reviveScope(this.#host, connection, head);
  }

  /** Something was added to a scope that the archive has only the head of. */
  pin(scope: RequestScope): void {
    const { id, connection, archivedAt } = scope;
    scope.archivedAt = undefined;
    if (archivedAt !== undefined) {
      this.#archive.pin(hashOfId(connection.peer.name, id), archivedAt, scope, scope.weight);
      this.#makeRoom();
    }
  }

  #add(scope: RequestScope): void {
    this.#bringBack(scope.connection.peer.name, scope.id);
    this.#put(scope);
  }

  #put(scope: RequestScope): void {
    scope.archivedAt = undefined;
    const key = this.#key(scope.connection.peer.name, scope.id);
    const entry = this.#entries.get(key) ?? { scopes: [], live: 0, touchedAt: 0 };
    entry.live += 1;
    if (entry.scopes.length < MAX_PER_ID) {
      entry.scopes.push(scope);
      this.#size += 1;
      this.#weigh(scope);
    }
    this.#touch(key, entry);
  }

  /** @param connectionId where only requests whose head came on that connection can be meant */
  find(proxy: string, id: RequestId, connectionId?: string): Found {
    const key = this.#key(proxy, id);
    this.#bringBack(proxy, id);
    const entry = this.#entries.get(key);
    if (entry === undefined) return NOT_FOUND;
    if (this.#host.clock.now() - entry.touchedAt >= this.#ttlMs) {
      this.#forget(key, entry);
      return NOT_FOUND;
    }
    this.#touch(key, entry);
    if (entry.live > entry.scopes.length) return AMBIGUOUS;
    const meant =
      connectionId === undefined ? entry.scopes : entry.scopes.filter((scope) => scope.connection.id === connectionId);
    if (meant.length === 0) return NOT_FOUND;
    return meant.length === 1 ? { scope: meant[0], ambiguous: false } : AMBIGUOUS;
  }

  /**
   * One request of that id is over; with several of them it is not known which.
   *
   * @param told whether its proxy may still say so itself, with RequestComplete or a cancel
   */
  over(proxy: string, id: RequestId, told = false): void {
    const key = this.#key(proxy, id);
    const entry = this.#entries.get(key);
    if (entry === undefined) return told ? undefined : this.#done(this.#endedKey(proxy, id));
    this.#done(key);
    const [scope, ...others] = entry.scopes;
    if (told && entry.live === 0 && scope !== undefined && others.length === 0) this.end(scope);
  }

  /** A request of which its proxy may say once more that it is over, and nothing else: until then it is kept apart. */
  end(scope: RequestScope): void {
    const key = this.#endedKey(scope.connection.peer.name, scope.id);
    const entry = this.#entries.get(key) ?? { scopes: [], live: 0, touchedAt: 0 };
    entry.live += 1;
    if (entry.scopes.length === 0) {
      entry.scopes.push(scope);
      this.#size += 1;
      this.#weigh(scope);
    }
    this.#touch(key, entry);
    this.#makeRoom();
  }

  /** The request of that id that is over, if its proxy has not said so yet. */
  ended(proxy: string, id: RequestId): Found {
    const entry = this.#entries.get(this.#endedKey(proxy, id));
    if (entry === undefined || this.#host.clock.now() - entry.touchedAt >= this.#ttlMs) return NOT_FOUND;
    return entry.live === 1 ? { scope: entry.scopes[0], ambiguous: false } : AMBIGUOUS;
  }

  #endedKey(proxy: string, id: RequestId): string {
    // no id that a client chooses can make one of these of a live one
    return `ended ${proxy}\0${id}`;
  }

  #done(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    entry.live -= 1;
    if (entry.live <= 0) this.#forget(key, entry);
  }

  /** Forgets everything. */
  clear(): void {
    for (let { oldest } = this.#entries; oldest !== undefined; { oldest } = this.#entries) this.#forget(...oldest);
    this.#archive.clear();
  }

  #touch(key: string, entry: Entry): void {
    entry.touchedAt = this.#host.clock.now();
    this.#entries.set(key, entry);
  }

  #expire(before: number): void {
    while (this.#archive.oldestTime <= before) this.#archive.dropOldest();
    for (let { oldest } = this.#entries; oldest !== undefined; { oldest } = this.#entries) {
      if (oldest[1].touchedAt > before) return;
      this.#forget(...oldest);
    }
  }

  #evictOldest(): void {
    const { oldest } = this.#entries;
    if (oldest !== undefined && oldest[1].touchedAt <= this.#archive.oldestTime) this.#forget(...oldest);
    else this.#archive.dropOldest();
  }

  #forget(key: string, entry: Entry): void {
    this.#entries.delete(key);
    this.#size -= entry.scopes.length;
    for (const scope of entry.scopes) {
      const { request, response } = scope;
      this.#bytes -= scope.keptBytes;
      scope.keptBytes = 0;
      for (const message of [request, response])
        message?.endBody('the request was over or forgotten before its body ended');
    }
  }
}
