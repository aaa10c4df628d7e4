import type { Clock, HealthState, HealthStatus } from '@agentwire/core';

const DAY_MS = 86_400_000;
/** Highest factor that a report may give to timeouts. */
const MAX_TIMEOUT_FACTOR = 10;

/** Returns for how long a report is valid, in milliseconds; both of its times are on the agent's clock. */
function validityMs({ validUntilMs, timestampMs }: HealthStatus): number {
  if (validUntilMs === undefined) return Infinity;
  const validity = validUntilMs - timestampMs;
  return validity > 0 ? Math.min(validity, DAY_MS) : 0;
}

/** Health that an agent reports about itself on one connection: counts until the next report, or until its validity ends. */
export class ReportedHealth {
  readonly #clock: Clock;
  #report: HealthStatus | undefined;
  #validUntil = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Replaces the last report. */
  update(report: HealthStatus): void {
    this.#report = report;
    this.#validUntil = this.#clock.now() + validityMs(report);
  }

  /** Forgets the report: the peer is another one now. */
  clear(): void {
    this.#report = undefined;
  }

  /** The report that is valid now. */
  get report(): HealthStatus | undefined {
    if (this.#report !== undefined && this.#clock.now() >= this.#validUntil) this.#report = undefined;
    return this.#report;
  }

  /** State of the valid report. */
  get state(): HealthState | undefined {
    return this.report?.state;
  }

  /** Factor for the pool's request timeout, 1 to 10: what a degraded agent asks for. */
  get timeoutFactor(): number {
    // most agents never report, and then no clock is read
    if (this.#report?.timeoutMultiplier === undefined) return 1;
    const { state, timeoutMultiplier = 1 } = this.report ?? {};
    return state === 'degraded' ? Math.min(Math.max(1, timeoutMultiplier), MAX_TIMEOUT_FACTOR) : 1;
  }
}
