import type { Clock } from '@agentwire/core';

/** Times of one request at the upstream. */
export class UpstreamTimes {
  readonly #clock: Clock;
  #startedAt = 0;
  #sentAt: number | undefined;
  /** Time in the queue for a connection, in milliseconds. */
  queuedMs: number | undefined;
  /** Time from sending the request to the response's head, in milliseconds. */
  headMs: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Begins the time in the queue. */
  begin(): void {
    this.#startedAt = this.#clock.now();
  }

  /** Ends the time in the queue: the request gets a connection, or another one after the first was lost. */
  onSent(): void {
    this.#sentAt = this.#clock.now();
    this.queuedMs ??= this.#sentAt - this.#startedAt;
  }

  onHead(): void {
    if (this.#sentAt !== undefined) this.headMs = this.#clock.now() - this.#sentAt;
  }
}
