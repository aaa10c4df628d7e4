import type { Connection, EncodedMessage } from '@agentwire/core';

/** Connection that delivered a stored head, and the decoder of its bytes. */
export interface Owner {
  readonly connection: Connection;
  readonly encoded: EncodedMessage;
}

/** Connections by number, while stored heads refer to them. */
export class Owners {
  readonly #numbers = new Map<Connection, number>();
  readonly #owners: (Owner | undefined)[] = [];
  readonly #uses: number[] = [];
  readonly #free: number[] = [];
  /** The number that was used last, which is likely to be the next as well. */
  #last = -1;

  /** The number of a connection, which is used once more. */
  use(connection: Connection, encoded: EncodedMessage): number {
    if (this.#owners[this.#last]?.connection !== connection) this.#last = this.#numberOf(connection, encoded);
    this.#uses[this.#last] = (this.#uses[this.#last] as number) + 1;
    return this.#last;
  }

  #numberOf(connection: Connection, encoded: EncodedMessage): number {
    const known = this.#numbers.get(connection);
    if (known !== undefined) return known;
    const number = this.#free.pop() ?? this.#owners.length;
    this.#numbers.set(connection, number);
    this.#owners[number] = { connection, encoded };
    this.#uses[number] = 0;
    return number;
  }

  /** A number is used once less. @returns its owner */
  release(number: number): Owner {
    const owner = this.#owners[number] as Owner;
    const uses = (this.#uses[number] as number) - 1;
    this.#uses[number] = uses;
    if (uses === 0) {
      this.#numbers.delete(owner.connection);
      this.#owners[number] = undefined;
      this.#free.push(number);
    }
    return owner;
  }
}
