import type { Clock } from '../clock.ts';
import type { Message } from '../message/message.ts';

/** Sends the pings of one session, each with a sequence of its own. */
export class PingSender {
  /** Sequence of the last one; 0 before the first. */
  sequence = 0;
  readonly #clock: Clock;
  readonly #notify: (message: Message) => boolean;

  /** @param notify sends where the peer understands it, and tells whether it did */
  constructor(clock: Clock, notify: (message: Message) => boolean) {
    this.#clock = clock;
    this.#notify = notify;
  }

  /** Sends one. @returns whether this peer can be pinged. */
  send(): boolean {
    this.sequence += 1;
    return this.#notify({ type: 'ping', sequence: this.sequence, timestampMs: this.#clock.wallNow() });
  }
}
