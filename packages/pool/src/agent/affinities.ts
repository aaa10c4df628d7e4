import { AgentwireError, type Clock, type RequestId } from '@agentwire/core';
import type { Exchange } from '@agentwire/core/session';

/** What the pool knows of a live request of one agent: the exchange on the connection that took its headers. */
export interface Affinity {
  readonly id: RequestId;
  readonly exchange: Exchange;
  touchedAt: number;
}

/** The live requests of one agent: all events of a request go where its headers went. Bounded by count and age. */
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

  add(id: RequestId, exchange: Exchange): void {
    const affinity: Affinity = { id, exchange, touchedAt: this.#clock.now() };
    exchange.owner = affinity;
    this.#byId.set(id, affinity);
  }

  /** Forgets a request and gives its id on the wire back. */
  remove(affinity: Affinity): void {
    if (this.#byId.get(affinity.id) === affinity) this.#byId.delete(affinity.id);
    affinity.exchange.end();
  }

  #forgetOld(): void {
    const oldest = this.#clock.now() - this.#ttlMs;
    const full = this.#byId.size >= this.#max;
    for (const affinity of this.#byId.values()) {
      // a question that waits is not silence: it has its own deadline, which may be later than this one
      if (affinity.exchange.pending > 0) continue;
      if (affinity.touchedAt < oldest || (full && affinity.exchange.ended)) this.remove(affinity);
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

/** What a caller is told who uses the id of a request that is not over. */
export function duplicateRequest(id: RequestId): AgentwireError {
  return new AgentwireError('ERR_DUPLICATE_REQUEST', `a live request has the id ${String(id)}`);
}
