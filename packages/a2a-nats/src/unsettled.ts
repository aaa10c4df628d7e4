import type { Clock, TimerHandle } from '@agentwire/core';
import type { JsMsg } from '@nats-io/jetstream';

/**
 * Messages that a durable inbox has fetched and not settled, each by its number in the stream.
 *
 * The server hears of all of it every third of `ackWaitMs`, from the moment it was fetched, so that it delivers
 * none of it to anybody else meanwhile.
 */
export class Unsettled {
  readonly #clock: Clock;
  readonly #everyMs: number;
  readonly #messages = new Map<number, JsMsg>();
  #timer: TimerHandle;

  constructor(clock: Clock, ackWaitMs: number) {
    this.#clock = clock;
    this.#everyMs = ackWaitMs / 3;
  }

  /** Messages in hand. */
  get size(): number {
    return this.#messages.size;
  }

  /** Takes a message in; false for another delivery of one that is in hand, which is then settled by that delivery. */
  take(msg: JsMsg): boolean {
    const { streamSequence } = msg.info;
    const isNew = !this.#messages.has(streamSequence);
    this.#messages.set(streamSequence, msg);
    if (this.#timer === undefined) this.#schedule();
    return isNew;
  }

  /** Lets a message go, and gives its latest delivery, which is the one to settle. */
  release(msg: JsMsg): JsMsg {
    const { streamSequence } = msg.info;
    const latest = this.#messages.get(streamSequence) ?? msg;
    this.#messages.delete(streamSequence);
    if (this.#messages.size === 0) this.stop();
    return latest;
  }

  /** Ends the signs of life. */
  stop(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #schedule(): void {
    this.#timer = this.#clock.setTimeout(() => {
      for (const msg of this.#messages.values()) msg.working();
      this.#schedule();
    }, this.#everyMs);
  }
}
