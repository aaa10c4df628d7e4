import type { Clock } from '@agentwire/core';
import type { OutgoingRequest } from '../upstream/upstream-messages.ts';
import type { GatewayMetrics } from './gateway-metrics.ts';

/** Times of one request at the upstream, and its place in the gauges of the queue and the connections in use. */
export class UpstreamTimes {
  readonly #metrics: GatewayMetrics | undefined;
  readonly #clock: Clock;
  #startedAt: number | undefined;
  #sentAt: number | undefined;
  /** Time in the queue for a connection, in milliseconds. */
  queuedMs: number | undefined;
  /** Time from sending the request to the response's head, in milliseconds. */
  headMs: number | undefined;

  constructor(metrics: GatewayMetrics | undefined, clock: Clock) {
    this.#metrics = metrics;
    this.#clock = clock;
  }

  /** Begins the time in the queue. @returns the request with a callback that ends it */
  begin(request: OutgoingRequest): OutgoingRequest {
    const startedAt = this.#clock.now();
    this.#startedAt = startedAt;
    this.#metrics?.queued();
    const onSent = (): void => {
      if (this.#sentAt === undefined) this.#metrics?.sent();
      this.#sentAt = this.#clock.now();
      this.queuedMs ??= this.#sentAt - startedAt;
    };
    return { ...request, onSent };
  }

  onHead(): void {
    if (this.#sentAt !== undefined) this.headMs = this.#clock.now() - this.#sentAt;
  }

  end(): void {
    if (this.#startedAt !== undefined) this.#metrics?.ended(this.#sentAt !== undefined);
  }
}
