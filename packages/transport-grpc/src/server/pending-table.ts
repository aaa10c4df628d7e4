import { AgentwireError, type Clock, type TimerHandle } from '@agentwire/core';

/** One peer that has come in and not finished its handshake. */
export interface Pending {
  /** Forgets it: the handshake is done, or the peer is gone. */
  done(): void;
}

interface Entry {
  readonly fail: (error: AgentwireError) => void;
  timer: TimerHandle;
}

/** Peers whose handshake is not finished: each has a deadline, and past the bound the oldest gives way. */
export class PendingTable {
  readonly #entries = new Set<Entry>();
  readonly #clock: Clock;
  readonly #max: number;
  readonly #timeoutMs: number;
  readonly #where: string;

  constructor(where: string, clock: Clock, max: number, timeoutMs: number) {
    this.#where = where;
    this.#clock = clock;
    this.#max = max;
    this.#timeoutMs = timeoutMs;
  }

  /** Peers in the table. */
  get size(): number {
    return this.#entries.size;
  }

  /** Adds a peer; `fail` is called once, if it has to go. */
  add(fail: (error: AgentwireError) => void): Pending {
    const [oldest] = this.#entries;
    if (oldest !== undefined && this.#entries.size >= this.#max) {
      this.#drop(
        oldest,
        new AgentwireError(
          'ERR_OVERLOADED',
          `more than ${this.#max} unfinished handshakes on ${this.#where}, the oldest gave way`,
        ),
      );
    }
    const entry: Entry = { fail, timer: undefined };
    entry.timer = this.#clock.setTimeout(() => {
      this.#drop(
        entry,
        new AgentwireError('ERR_TIMEOUT', `${this.#where} did not see the handshake finished in ${this.#timeoutMs} ms`),
      );
    }, this.#timeoutMs);
    this.#entries.add(entry);
    return { done: () => this.#forget(entry) };
  }

  #forget(entry: Entry): boolean {
    this.#clock.clearTimeout(entry.timer);
    return this.#entries.delete(entry);
  }

  #drop(entry: Entry, error: AgentwireError): void {
    if (this.#forget(entry)) entry.fail(error);
  }

  /** Drops everybody. */
  clear(error: AgentwireError): void {
    for (const entry of this.#entries) this.#drop(entry, error);
  }
}
