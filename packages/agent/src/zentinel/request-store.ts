import type { Connection, EncodedMessage, RequestHeaders, RequestId } from '@agentwire/core';
import { AgentRequestCore } from '@agentwire/core/session/internal';
import { RequestMessage } from '../body/http-messages.ts';
import { type ContextHost, EventContext } from '../runtime/event-context.ts';
import { RequestScope } from '../runtime/request-scope.ts';
import { CompactRequestCache, type LoadedRequest } from './compact-request-cache.ts';
import { hashOfId } from './hash-index.ts';
import { RequestEntries } from './request-entries.ts';

/**
 * Memory bound of stored requests, in bytes, as objects and in the compact cache together: 256 MiB. Clients choose how long
 * their heads are, so a number of requests bounds nothing.
 */
export const MAX_STORED_BYTES: number = 256 * 1024 * 1024;

/** Reason that a body ends with for a request that its session has forgotten. */
export const ENDED_EARLY = 'the request ended before its body did';

/** Request that an event of the zentinel dialect belongs to. */
export interface Found {
  readonly scope: RequestScope | undefined;
  /** `true` if several requests may be meant. */
  readonly ambiguous: boolean;
}

const NOT_FOUND: Found = Object.freeze<Found>({ scope: undefined, ambiguous: false });
const AMBIGUOUS: Found = Object.freeze<Found>({ scope: undefined, ambiguous: true });

// no id that a client chooses can make one of these equal to the other
const liveKey = (proxy: string, id: RequestId): string => `live ${proxy}\0${id}`;
const endedKey = (proxy: string, id: RequestId): string => `ended ${proxy}\0${id}`;

/**
 * Requests of third-party peers of the zentinel dialect, for the whole process: a proxy may send their events on different
 * connections, with an id that the client chose. Bounded by number, age and memory; an event that may belong to several
 * requests belongs to none.
 *
 * A decided request that consists of its head alone is stored in the compact cache, and rebuilt when an event needs it.
 */
export class RequestStore {
  readonly #entries = new RequestEntries();
  readonly #cache = new CompactRequestCache<RequestScope>();
  readonly #host: ContextHost;
  readonly #maxRequests: number;
  readonly #ttlMs: number;

  constructor(host: ContextHost, maxRequests: number, ttlMs: number) {
    this.#host = host;
    this.#maxRequests = maxRequests;
    this.#ttlMs = ttlMs;
  }

  /** Number of stored requests. */
  get size(): number {
    return this.#entries.size + this.#cache.size;
  }

  /** Stores a request whose head has arrived. @param decided whether its handler is done with it */
  store(scope: RequestScope, encoded: EncodedMessage | undefined, decided: boolean): void {
    const now = this.#host.clock.now();
    this.#expire(now - this.#ttlMs);
    scope.stored = true;
    const compact = decided && scope.isHeadOnly && encoded !== undefined && this.#storeCompact(scope, encoded, now);
    if (!compact) {
      this.#loadAll(scope.connection.peer.name, scope.id);
      this.#add(scope);
    }
    this.#evict();
  }

  #storeCompact(scope: RequestScope, encoded: EncodedMessage, now: number): boolean {
    const { id, connection } = scope;
    const { name } = connection.peer;
    if (this.#entries.size > 0 && this.#entries.has(liveKey(name, id))) return false;
    if (!this.#cache.store(hashOfId(name, id), connection, encoded, scope, now)) return false;
    scope.cachedAt = now;
    return true;
  }

  /** Moves everything that the cache has under this id, or under its hash, to the objects. */
  #loadAll(proxy: string, id: RequestId): void {
    if (this.#cache.size === 0) return;
    const hash = hashOfId(proxy, id);
    const since = this.#host.clock.now() - this.#ttlMs;
    for (let loaded = this.#cache.load(hash); loaded !== undefined; loaded = this.#cache.load(hash)) {
      const scope = loaded.time > since ? this.#scopeOf(loaded) : undefined;
      if (scope !== undefined) this.#add(scope);
    }
  }

  #scopeOf({ value, head, connection }: LoadedRequest<RequestScope>): RequestScope | undefined {
    if (value !== undefined) return value;
    return head === undefined ? undefined : rebuild(this.#host, connection, head);
  }

  #add(scope: RequestScope): void {
    scope.cachedAt = undefined;
    this.#entries.add(liveKey(scope.connection.peer.name, scope.id), scope, this.#host.clock.now());
  }

  /** Keeps the object of a scope in the cache, which holds more than its head now. */
  pin(scope: RequestScope): void {
    const { id, connection, cachedAt } = scope;
    scope.cachedAt = undefined;
    if (cachedAt === undefined) return;
    this.#cache.pin(hashOfId(connection.peer.name, id), cachedAt, scope, scope.weightBytes);
    this.#evict();
  }

  /** Charges a stored request with the head of its response too. */
  weighAgain(scope: RequestScope): void {
    if (scope.chargedBytes === 0) return;
    this.#entries.weigh(scope);
    this.#evict();
  }

  /** Finds the request of an event. @param connectionId limits the search to requests whose head arrived on that connection */
  find(proxy: string, id: RequestId, connectionId?: string): Found {
    const key = liveKey(proxy, id);
    this.#loadAll(proxy, id);
    const entry = this.#entries.get(key);
    if (entry === undefined) return NOT_FOUND;
    const now = this.#host.clock.now();
    if (now - entry.touchedAt >= this.#ttlMs) {
      this.#entries.delete(key, entry);
      return NOT_FOUND;
    }
    this.#entries.touch(key, entry, now);
    if (entry.live > entry.scopes.length) return AMBIGUOUS;
    const meant =
      connectionId === undefined ? entry.scopes : entry.scopes.filter((scope) => scope.connection.id === connectionId);
    if (meant.length === 0) return NOT_FOUND;
    return meant.length === 1 ? { scope: meant[0], ambiguous: false } : AMBIGUOUS;
  }

  /**
   * Ends one request of that id; with several of them it is not known which.
   *
   * @param reported whether its proxy may still report the end, with RequestComplete or a cancel
   */
  over(proxy: string, id: RequestId, reported = false): void {
    const key = liveKey(proxy, id);
    const entry = this.#entries.get(key);
    if (entry === undefined) return reported ? undefined : this.#entries.end(endedKey(proxy, id));
    this.#entries.end(key);
    const [scope, ...others] = entry.scopes;
    if (reported && entry.live === 0 && scope !== undefined && others.length === 0) this.end(scope);
  }

  /** Stores a request of which its proxy may report the end once more, and nothing else: until then it is kept apart. */
  end(scope: RequestScope): void {
    this.#entries.add(endedKey(scope.connection.peer.name, scope.id), scope, this.#host.clock.now(), 1);
    this.#evict();
  }

  /** Finds the ended request of that id whose end its proxy has not reported yet. */
  ended(proxy: string, id: RequestId): Found {
    const entry = this.#entries.get(endedKey(proxy, id));
    if (entry === undefined || this.#host.clock.now() - entry.touchedAt >= this.#ttlMs) return NOT_FOUND;
    return entry.live === 1 ? { scope: entry.scopes[0], ambiguous: false } : AMBIGUOUS;
  }

  clear(): void {
    this.#expire(Infinity);
  }

  #expire(before: number): void {
    while (this.#cache.size > 0 && this.#cache.oldestTime <= before) this.#cache.evictOldest();
    while (this.#entries.size > 0 && this.#entries.oldestTime <= before) this.#entries.evictOldest();
  }

  #evict(): void {
    while (
      this.size > 0 &&
      (this.size > this.#maxRequests || this.#entries.bytes + this.#cache.bytes > MAX_STORED_BYTES)
    ) {
      const oldestIsObject = this.#entries.size > 0 && this.#entries.oldestTime <= this.#cache.oldestTime;
      if (oldestIsObject) this.#entries.evictOldest();
      else this.#cache.evictOldest();
    }
  }
}

/** Rebuilds the scope of a request that was decided at its head. */
function rebuild(host: ContextHost, connection: Connection, head: RequestHeaders): RequestScope {
  const scope = new RequestScope(head.id, connection);
  const context = new EventContext(host, new AgentRequestCore(head.id, connection), scope, false);
  context.decided = true;
  const message = new RequestMessage(head, context);
  message.endBody(ENDED_EARLY);
  context.request = message;
  scope.request = message;
  scope.stored = true;
  return scope;
}
