import type { KernelMessage } from '../message/message.ts';
import { payloadSize } from '../message/payload-size.ts';
import { Ring } from './ring.ts';

/** Messages that wait with one priority, and the bytes that they take. */
export class Lane {
  readonly #messages = new Ring<KernelMessage>();
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
    this.#bytes += bytes;
  }

  /** Takes the oldest one out. */
  shift(): KernelMessage | undefined {
    return this.#taken(this.#messages.shift());
  }

  /** Takes the oldest one out that `wanted` accepts. */
  take(wanted: (message: KernelMessage) => boolean): KernelMessage | undefined {
    return this.#taken(this.#messages.take(wanted));
  }

  /** Takes all of them out. */
  drain(): KernelMessage[] {
    this.#bytes = 0;
    return this.#messages.drain();
  }

  /** A message that waits is not changed, so that it has the size that it had. */
  #taken(message: KernelMessage | undefined): KernelMessage | undefined {
    if (message !== undefined) this.#bytes -= payloadSize(message);
    return message;
  }
}
