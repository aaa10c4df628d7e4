import type { Clock } from '../clock.ts';
import type { Ping, Pong } from '../message/control.ts';
import type { Message } from '../message/message.ts';

/** The answer to a ping. */
export function pongOf({ sequence, timestampMs, echo }: Ping): Pong {
  return echo === undefined ? { type: 'pong', sequence, timestampMs } : { type: 'pong', sequence, timestampMs, echo };
}

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
