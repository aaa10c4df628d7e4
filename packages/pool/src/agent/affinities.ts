import { AgentwireError, type Clock, type RequestId } from '@agentwire/core';
import type { Exchange } from '@agentwire/core/session';

/** What the pool knows of a live request of one agent: the exchange on the connection that took its first event. */
export interface Affinity {
  readonly id: RequestId;
  readonly exchange: Exchange;
  /** The events that its connection takes, as bits. */
  readonly takes: number;
  /** Whether its caller will complete or cancel it, however long it is silent. */
  readonly kept: boolean;
  touchedAt: number;
  /** The same request on one more connection, which takes events that the ones before do not. */
  other: Affinity | undefined;
}

/** The live requests of one agent: all events of a request go where its headers went, as far
 * as they are taken there. Bounded by count and age. */
export class Affinities {
  readonly #byId = new Map<RequestId, Affinity>();
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
    const affinity = this.#byId.get(id);
    if (affinity !== undefined) affinity.touchedAt = this.#clock.now();
    return affinity;
  }

  /** Throws `ERR_OVERLOADED` when the table is full of requests that are not over. */
  makeRoom(): void {
    if (this.#byId.size < this.#max) return;
    this.#forgetOld();
    if (this.#byId.size < this.#max) return;
    throw new AgentwireError(
      'ERR_OVERLOADED',
      `${this.#max} requests are remembered; complete or cancel requests that are over`,
    );
  }

  /** Notes where a request is. @param kept see {@link Affinity.kept} */
  add(id: RequestId, exchange: Exchange, takes: number, kept: boolean): void {
    const affinity: Affinity = { id, exchange, takes, kept, touchedAt: this.#clock.now(), other: undefined };
    exchange.owner = affinity;
    this.#byId.set(id, affinity);
  }

  /** Notes a further connection of a request that is somewhere already. */
  extend(first: Affinity, exchange: Exchange, takes: number): void {
    const { id, kept, touchedAt, other } = first;
    // what its outcomes end is the whole request
    exchange.owner = first;
    first.other = { id, exchange, takes, kept, touchedAt, other };
  }

  /** Forgets a request and gives its ids on the wire back. */
  remove(affinity: Affinity): void {
    if (this.#byId.get(affinity.id) === affinity) this.#byId.delete(affinity.id);
    for (let at: Affinity | undefined = affinity; at !== undefined; at = at.other) at.exchange.end();
  }

  /** Gives up a request that nobody has spoken of for too long: its agent is told, as it may count on hearing of the end. */
  #giveUp(affinity: Affinity): void {
    for (let at: Affinity | undefined = affinity; at !== undefined; at = at.other) at.exchange.cancel('timeout');
    this.remove(affinity);
  }

  #forgetOld(): void {
    const oldest = this.#clock.now() - this.#ttlMs;
    const full = this.#byId.size >= this.#max;
    for (const affinity of this.#byId.values()) {
      // a question that waits is not silence: it has its own deadline, which may be later than this one
      if (affinity.kept || pendingOf(affinity) > 0) continue;
      if (affinity.touchedAt < oldest || (full && affinity.exchange.ended)) this.#giveUp(affinity);
    }
  }

  /** Forgets what has been silent for too long. Called now and then by the pool. */
  sweep(): void {
    if (this.#byId.size > 0) this.#forgetOld();
  }

  /** Forgets every request. */
  clear(): void {
    for (const affinity of this.#byId.values()) this.remove(affinity);
  }
}

/** Questions of a request without an answer, on all its connections. */
export function pendingOf(affinity: Affinity): number {
  const { exchange, other } = affinity;
  return other === undefined ? exchange.pending : exchange.pending + pendingOf(other);
}

/** Where an event of a request goes that has this bit; `undefined` where none of its connections takes it. */
export function legFor(affinity: Affinity, bit: number): Affinity | undefined {
  // a request that failed somewhere goes on nowhere
  if (affinity.exchange.ended) return affinity;
  let at: Affinity | undefined = affinity;
  while (at !== undefined && (at.takes & bit) !== bit) at = at.other;
  return at;
}

/** What a caller is told who uses the id of a request that is not over. */
export function duplicateRequest(id: RequestId): AgentwireError {
  return new AgentwireError('ERR_DUPLICATE_REQUEST', `a live request has the id ${String(id)}`);
}
