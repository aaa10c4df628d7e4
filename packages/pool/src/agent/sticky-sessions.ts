import { AgentwireError, type Clock } from '@agentwire/core';
import type { PooledConnection } from './pooled-connection.ts';

/** Sticky session: its requests go to one connection. */
export interface StickySession {
  readonly id: string;
  /** Connection of its last request; `undefined` before the first. */
  connection: PooledConnection | undefined;
  /** Time of its end, on the pool's clock. */
  expiresAt: number;
}

/** Sticky sessions of one agent, bounded by number, and by the time since their last request. */
export class StickySessions {
  /** By id, the least recently used first: all have the same timeout, so that one expires first. */
  readonly #byId = new Map<string, StickySession>();
  readonly #clock: Clock;
  readonly #max: number;
  readonly #timeoutMs: number;

  constructor(clock: Clock, max: number, timeoutMs: number) {
    this.#clock = clock;
    this.#max = max;
    this.#timeoutMs = timeoutMs;
  }

  /** Sessions that have not expired. */
  get size(): number {
    this.sweep();
    return this.#byId.size;
  }

  /** Returns a session that has not expired, without refreshing it. */
  has(id: string): boolean {
    const session = this.#byId.get(id);
    return session !== undefined && this.#clock.now() < session.expiresAt;
  }

  /** Returns the session with this id, refreshed; a new one where there is none. @throws AgentwireError `ERR_OVERLOADED` at the limit */
  open(id: string): StickySession {
    const known = this.#touch(id);
    if (known !== undefined) return known;
    if (this.#byId.size >= this.#max) this.sweep();
    if (this.#byId.size >= this.#max) {
      throw new AgentwireError('ERR_OVERLOADED', `${this.#max} sticky sessions are open; clear those that are over`);
    }
    const session: StickySession = { id, connection: undefined, expiresAt: this.#clock.now() + this.#timeoutMs };
    this.#byId.set(id, session);
    return session;
  }

  /** Begins the timeout of a session anew. @returns whether there is one */
  refresh(id: string): boolean {
    return this.#touch(id) !== undefined;
  }

  #touch(id: string): StickySession | undefined {
    const session = this.#byId.get(id);
    if (session === undefined) return undefined;
    this.#byId.delete(id);
    const now = this.#clock.now();
    if (now >= session.expiresAt) return undefined;
    session.expiresAt = now + this.#timeoutMs;
    this.#byId.set(id, session);
    return session;
  }

  /** Ends a session. @returns whether there was one */
  clear(id: string): boolean {
    const had = this.has(id);
    this.#byId.delete(id);
    return had;
  }

  /** Removes the sessions that have expired. */
  sweep(): void {
    const now = this.#clock.now();
    for (const { id, expiresAt } of this.#byId.values()) {
      if (now < expiresAt) return;
      this.#byId.delete(id);
    }
  }
}
