import type { Connection } from '@agentwire/core';

/** Connections by number, for as long as something names them by it. */
export class Owners {
  readonly #numbers = new Map<Connection, number>();
  readonly #connections: (Connection | undefined)[] = [];
  readonly #uses: number[] = [];
  readonly #free: number[] = [];
  /** The number that was used last, which is likely to be the next as well. */
  #last = -1;

  /** The number of a connection, which is used once more. */
  use(connection: Connection): number {
    if (this.#connections[this.#last] !== connection) this.#last = this.#numberOf(connection);
    this.#uses[this.#last] = (this.#uses[this.#last] as number) + 1;
    return this.#last;
  }

  #numberOf(connection: Connection): number {
    const known = this.#numbers.get(connection);
    if (known !== undefined) return known;
    const number = this.#free.pop() ?? this.#connections.length;
    this.#numbers.set(connection, number);
    this.#connections[number] = connection;
    this.#uses[number] = 0;
    return number;
  }

  /** A number is used once less. @returns its connection */
  release(number: number): Connection {
    const connection = this.#connections[number] as Connection;
    const uses = (this.#uses[number] as number) - 1;
    this.#uses[number] = uses;
    if (uses === 0) {
      this.#numbers.delete(connection);
      this.#connections[number] = undefined;
      this.#free.push(number);
    }
    return connection;
  }
}
