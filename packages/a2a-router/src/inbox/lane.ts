import type { KernelMessage } from '../message/message.ts';
import { payloadSize } from '../message/payload-size.ts';
import { Ring } from './ring.ts';

/** Messages that wait with one priority, and the bytes that they take. */
export class Lane {
  readonly #messages = new Ring<KernelMessage>();
  /** Bytes of each message, because to weigh it again costs as much as to queue it. */
  readonly #sizes = new Ring<number>();
  #bytes = 0;

  /** Messages that wait. */
  get length(): number {
    return this.#messages.length;
  }

  /** Bytes that they take, roughly. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Adds a message of that many bytes. */
  push(message: KernelMessage, bytes: number): void {
    this.#messages.push(message);
    this.#sizes.push(bytes);
    this.#bytes += bytes;
  }

  /** Takes the oldest one out. */
  shift(): KernelMessage | undefined {
    const message = this.#messages.shift();
    if (message !== undefined) this.#bytes -= this.#sizes.shift() ?? 0;
    return message;
  }

  /** Takes the oldest one out that `wanted` accepts; costs a walk. */
  take(wanted: (message: KernelMessage) => boolean): KernelMessage | undefined {
    let found: KernelMessage | undefined;
    for (const message of this.drain()) {
      if (found === undefined && wanted(message)) found = message;
      else this.push(message, payloadSize(message));
    }
    return found;
  }

  /** Takes all of them out. */
  drain(): KernelMessage[] {
    this.#bytes = 0;
    this.#sizes.drain();
    return this.#messages.drain();
  }
}
