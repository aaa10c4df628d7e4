import type { Clock } from '@agentwire/core';
import type { OutgoingRequest } from '../upstream/upstream-messages.ts';

/** Times of one request at the upstream. */
export class UpstreamTimes {
  readonly #clock: Clock;
  #sentAt: number | undefined;
  /** Time in the queue for a connection, in milliseconds. */
  queuedMs: number | undefined;
  /** Time from sending the request to the response's head, in milliseconds. */
  headMs: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Begins the time in the queue. @returns the request with a callback that ends it */
  begin(request: OutgoingRequest): OutgoingRequest {
    const startedAt = this.#clock.now();
    const onSent = (): void => {
      this.#sentAt = this.#clock.now();
      this.queuedMs ??= this.#sentAt - startedAt;
    };
    return { ...request, onSent };
  }

  onHead(): void {
    if (this.#sentAt !== undefined) this.headMs = this.#clock.now() - this.#sentAt;
  }
}
