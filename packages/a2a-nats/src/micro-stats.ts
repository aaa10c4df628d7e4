import type { Clock } from '@agentwire/core';

/** Counters of one endpoint. */
export interface EndpointStats {
  requests: number;
  errors: number;
  lastError: string;
  /** Nanoseconds that its requests took together. */
  nanos: number;
}

interface Counted {
  readonly startedAt: number;
  readonly endpoints: Map<string, EndpointStats>;
}

/** Counts of the services of this node, by endpoint. */
export class MicroStats {
  readonly #clock: Clock;
  readonly #services = new Map<string, Counted>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Begins to count. */
  begin(service: string): void {
    this.#services.set(service, { startedAt: this.#clock.wallNow(), endpoints: new Map() });
  }

  /** Counts no more. */
  forget(service: string): void {
    this.#services.delete(service);
  }

  /** Milliseconds since 1970 at which a service began. */
  startedAt(service: string): number {
    return this.#services.get(service)?.startedAt ?? 0;
  }

  /** The counts of an endpoint. */
  of(service: string, endpoint: string): Readonly<EndpointStats> {
    return this.#services.get(service)?.endpoints.get(endpoint) ?? { requests: 0, errors: 0, lastError: '', nanos: 0 };
  }

  /** Counts a call; the function that it gives is called once, when the call is answered or has failed. */
  called(service: string, endpoint: string): ((failure?: string) => void) | undefined {
    const counted = this.#services.get(service);
    if (counted === undefined) return undefined;
    let stats = counted.endpoints.get(endpoint);
    if (stats === undefined) {
      stats = { requests: 0, errors: 0, lastError: '', nanos: 0 };
      counted.endpoints.set(endpoint, stats);
    }
    const found = stats;
    const began = this.#clock.now();
    found.requests += 1;
    return (failure) => {
      found.nanos += Math.round((this.#clock.now() - began) * 1_000_000);
      if (failure === undefined) return;
      found.errors += 1;
      found.lastError = failure;
    };
  }
}
