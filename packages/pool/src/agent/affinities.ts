import { AgentwireError, type Clock, type RequestId } from '@agentwire/core';
import type { Lifecycle } from '@agentwire/core/internal';
import type { Exchange } from '@agentwire/core/session';

/** Transitions of an affinity: a request that failed is remembered, so that its later events fail too. */
export const AFFINITY_LIFECYCLE: Lifecycle<'live' | 'failed' | 'forgotten'> = {
  live: { 'connection ended': 'failed', 'request over': 'forgotten', 'no event for too long': 'forgotten' },
  failed: { 'request over': 'forgotten', 'no event for too long': 'forgotten' },
  forgotten: {},
};

/** A live request of one agent: its exchange on the connection that took its first event. */
export interface Affinity {
  readonly id: RequestId;
  readonly exchange: Exchange;
  /** Events that its connection takes, as bits. */
  readonly takes: number;
  /** Set where its caller completes or cancels it, so that it never expires. */
  readonly kept: boolean;
  /** Time of its last event, as far as that has its outcome; one without an outcome keeps the request anyway. */
  touchedAt: number;
  /** The same request on one more connection, which takes events that the ones before do not. */
  other: Affinity | undefined;
}

/**
 * Entry of an affinity in the table, empty once that is forgotten: what a `Map` had in its tables before is kept as if it were in use
 * (see `LinkedList` in core), and this keeps nothing.
 */
interface Place {
  affinity: Affinity | undefined;
}

/**
 * Live requests of one agent: all events of a request go to the connection that took its headers, as far as that takes
 * them. Bounded by count and age.
 */
export class Affinities {
  readonly #byId = new Map<RequestId, Place>();
  readonly #clock: Clock;
  readonly #max: number;
  readonly #ttlMs: number;

  constructor(clock: Clock, max: number, ttlMs: number) {
    this.#clock = clock;
    this.#max = max;
    this.#ttlMs = ttlMs;
  }

  get size(): number {
    return this.#byId.size;
  }

  get(id: RequestId): Affinity | undefined {
    const affinity = this.#byId.get(id)?.affinity;
    if (affinity !== undefined) affinity.touchedAt = this.#clock.now();
    return affinity;
  }

  /** Makes room for one more. @throws AgentwireError `ERR_OVERLOADED` when the table is full of live requests */
  makeRoom(): void {
    if (this.#byId.size < this.#max) return;
    this.#expireOld();
    if (this.#byId.size < this.#max) return;
    throw new AgentwireError(
      'ERR_OVERLOADED',
      `${this.#max} requests are remembered; complete or cancel requests that are over`,
    );
  }

  /** Records the connection of a request. @param kept see {@link Affinity.kept} */
  add(id: RequestId, exchange: Exchange, takes: number, kept: boolean): void {
    // the clock is not read for its first event: 50 ns of the 4 µs of a request
    const affinity: Affinity = { id, exchange, takes, kept, touchedAt: 0, other: undefined };
    exchange.owner = affinity;
    this.#byId.set(id, { affinity });
  }

  /** Records a further connection of a request. */
  extend(first: Affinity, exchange: Exchange, takes: number): void {
    const { id, kept, touchedAt, other } = first;
    // its outcomes end the whole request
    exchange.owner = first;
    first.other = { id, exchange, takes, kept, touchedAt, other };
  }

  /** Records that an event of a request has its outcome. @param askedAt time of the event */
  answered(affinity: Affinity, askedAt: number): void {
    if (affinity.touchedAt < askedAt) affinity.touchedAt = askedAt;
  }

  /** Removes a request and releases its ids on the wire. */
  remove(affinity: Affinity): void {
    const place = this.#byId.get(affinity.id);
    if (place?.affinity === affinity) {
      this.#byId.delete(affinity.id);
      place.affinity = undefined;
    }
    for (let at: Affinity | undefined = affinity; at !== undefined; at = at.other) at.exchange.end();
  }

  /** Cancels a request that had no event for too long: its agent may rely on being told of the end. */
  #expire(affinity: Affinity): void {
    for (let at: Affinity | undefined = affinity; at !== undefined; at = at.other) at.exchange.cancel('timeout');
    this.remove(affinity);
  }

  #expireOld(): void {
    const oldest = this.#clock.now() - this.#ttlMs;
    const full = this.#byId.size >= this.#max;
    for (const { affinity } of this.#byId.values()) {
      if (affinity === undefined) continue;
      // an unanswered event has a deadline of its own, which may be later than this one
      if (affinity.kept || pendingOf(affinity) > 0) continue;
      if (affinity.touchedAt < oldest || (full && affinity.exchange.ended)) this.#expire(affinity);
    }
  }

  /** Expires requests without an event for too long. Called regularly by the pool. */
  sweep(): void {
    if (this.#byId.size > 0) this.#expireOld();
  }

  /** Removes every request. */
  clear(): void {
    for (const { affinity } of this.#byId.values()) if (affinity !== undefined) this.remove(affinity);
  }
}

/** Returns the number of unanswered events of a request, on all its connections. */
export function pendingOf(affinity: Affinity): number {
  const { exchange, other } = affinity;
  return other === undefined ? exchange.pending : exchange.pending + pendingOf(other);
}

/** Returns the connection of a request that takes an event with this bit; `undefined` where none does. */
export function affinityFor(affinity: Affinity, bit: number): Affinity | undefined {
  // a request that failed on one connection does not continue on another
  if (affinity.exchange.ended) return affinity;
  let at: Affinity | undefined = affinity;
  while (at !== undefined && (at.takes & bit) !== bit) at = at.other;
  return at;
}

/** Returns the error for the id of a live request. */
export function duplicateRequest(id: RequestId): AgentwireError {
  return new AgentwireError('ERR_DUPLICATE_REQUEST', `a live request has the id ${String(id)}`);
}
