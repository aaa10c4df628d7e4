import type { Received } from '../message/message.ts';
import type { EncodedMessage } from './connection.ts';

/** Encoded form of whatever message a connection is delivering: one object per connection, so that a message allocates none. */
export class DeliveredBytes implements EncodedMessage {
  readonly decode: (bytes: Buffer) => Received | undefined;
  #source: Buffer | undefined;
  #from = 0;
  #to = 0;

  /** @param decode reads a copied message; must have no effect besides */
  constructor(decode: (bytes: Buffer) => Received | undefined) {
    this.decode = decode;
  }

  /** Points to the message that is delivered next, at `source[from, to)`. */
  expose(source: Buffer, from: number, to: number): void {
    this.#source = source;
    this.#from = from;
    this.#to = to;
  }

  /** Ends access to the message: its delivery is over. */
  expire(): void {
    this.#source = undefined;
  }

  copyTo(target: Buffer, at: number): number {
    if (this.#source === undefined || at + this.#to - this.#from > target.length) return 0;
    return this.#source.copy(target, at, this.#from, this.#to);
  }
}
