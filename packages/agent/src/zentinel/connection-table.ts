import type { Connection, EncodedMessage } from '@agentwire/core';

/** Connection that delivered a stored head, and the decoder of its bytes. */
export interface ConnectionEntry {
  readonly connection: Connection;
  readonly encoded: EncodedMessage;
}

/** Reference-counted numbers for connections, so that a stored head refers to its connection by an integer. */
export class ConnectionTable {
  readonly #numbers = new Map<Connection, number>();
  readonly #entries: (ConnectionEntry | undefined)[] = [];
  readonly #references: number[] = [];
  readonly #free: number[] = [];
  /** The number that was used last, which is likely to be the next as well. */
  #last = -1;

  /** Returns the number of a connection and adds a reference to it. */
  use(connection: Connection, encoded: EncodedMessage): number {
    if (this.#entries[this.#last]?.connection !== connection) this.#last = this.#numberOf(connection, encoded);
    this.#references[this.#last] = (this.#references[this.#last] as number) + 1;
    return this.#last;
  }

  #numberOf(connection: Connection, encoded: EncodedMessage): number {
    const known = this.#numbers.get(connection);
    if (known !== undefined) return known;
    const number = this.#free.pop() ?? this.#entries.length;
    this.#numbers.set(connection, number);
    this.#entries[number] = { connection, encoded };
    this.#references[number] = 0;
    return number;
  }

  /** Removes a reference; the number is free after the last one. */
  release(number: number): ConnectionEntry {
    const entry = this.#entries[number] as ConnectionEntry;
    const references = (this.#references[number] as number) - 1;
    this.#references[number] = references;
    if (references === 0) {
      this.#numbers.delete(entry.connection);
      this.#entries[number] = undefined;
      this.#free.push(number);
    }
    return entry;
  }
}
