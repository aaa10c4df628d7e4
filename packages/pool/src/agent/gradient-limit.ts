import { OPTION, type OptionRows, type Resolved } from '@agentwire/core/internal';

/** Settings of an adaptive limit of unanswered events per agent. */
export interface AdaptiveConcurrencyOptions {
  /** Limit before the first measurement; default 20. */
  readonly initialLimit?: number | undefined;
  /** Lowest limit; default 4. */
  readonly minLimit?: number | undefined;
  /** Highest limit; default 1 000. */
  readonly maxLimit?: number | undefined;
  /** Factor by which the latency may exceed its baseline before the limit falls, 1 to 10; default 1.5. */
  readonly tolerance?: number | undefined;
  /** Time of one measurement, in milliseconds; default 500. */
  readonly windowMs?: number | undefined;
}

/** Table of {@link AdaptiveConcurrencyOptions}. */
export const ADAPTIVE_CONCURRENCY_TABLE: OptionRows<AdaptiveConcurrencyOptions> = {
  initialLimit: { check: OPTION.integer(1, 1_000_000), default: 20 },
  minLimit: { check: OPTION.integer(1, 1_000_000), default: 4 },
  maxLimit: { check: OPTION.integer(1, 1_000_000), default: 1_000 },
  tolerance: { check: OPTION.number(1, 10), default: 1.5 },
  windowMs: { check: OPTION.integer(10, 60_000), default: 500 },
};

/** Outcomes that a measurement needs at least. */
const MIN_SAMPLES = 10;
/** Weight of one measurement in the baseline. */
const BASELINE_WEIGHT = 0.25;
/** Part of the way to the new limit that one measurement goes. */
const SMOOTHING = 0.2;
/** Factor of the limit after a measurement in which the agent refused or was too late. */
const BACKOFF = 0.8;

/**
 * Limit of an agent's unanswered events that follows its latency. Each measurement compares the mean latency of a window with a baseline,
 * the latency that the agent has without a queue: an agent at its capacity queues, so its latency grows with the events that it has, and the
 * limit falls by the ratio of the two (the gradient), at most to the half. While the latency stays near the baseline, the limit grows by its
 * square root, which leaves the agent a short queue; only while at least half of the limit is used, because an unused limit says nothing
 * about the agent. Timeouts and refusals for overload lower it at once.
 *
 * The baseline falls with any faster measurement, and rises only with those at the lowest limit: latency that remains there is not that of a
 * queue, so an agent that has become slower for good is limited for a few measurements only.
 */
export class GradientLimit {
  /** Unanswered events that the agent may have. */
  current: number;
  readonly #options: Resolved<AdaptiveConcurrencyOptions>;
  /** Latency without a queue, in milliseconds; 0 before the first measurement. */
  #baselineMs = 0;
  #windowEndsAt = -Infinity;
  #samples = 0;
  #sumMs = 0;
  #mostInFlight = 0;
  #dropped = false;

  constructor(options: Resolved<AdaptiveConcurrencyOptions>) {
    this.#options = options;
    this.current = this.#clamp(options.initialLimit);
  }

  /**
   * Records an outcome.
   *
   * @param inFlight unanswered events just before it
   * @param dropped set where the agent was too late, or refused for overload
   * @returns whether the limit was computed anew
   */
  record(durationMs: number, inFlight: number, dropped: boolean, now: number): boolean {
    if (this.#samples === 0) this.#windowEndsAt = now + this.#options.windowMs;
    this.#samples += 1;
    this.#sumMs += durationMs;
    if (inFlight > this.#mostInFlight) this.#mostInFlight = inFlight;
    if (dropped) this.#dropped = true;
    if (this.#samples < MIN_SAMPLES || now < this.#windowEndsAt) return false;
    this.#measure(this.#sumMs / this.#samples);
    this.#samples = this.#sumMs = this.#mostInFlight = 0;
    this.#dropped = false;
    return true;
  }

  #measure(shortMs: number): void {
    const limit = this.current;
    if (this.#dropped) {
      this.current = this.#clamp(limit * BACKOFF);
      return;
    }
    this.#learn(shortMs);
    if (this.#mostInFlight * 2 < limit) return;
    const ratio = shortMs === 0 ? 1 : (this.#options.tolerance * this.#baselineMs) / shortMs;
    const gradient = Math.min(1, Math.max(0.5, ratio));
    const next = limit * gradient + Math.sqrt(limit);
    this.current = this.#clamp(limit + SMOOTHING * (next - limit));
  }

  #learn(shortMs: number): void {
    const baseline = this.#baselineMs;
    if (baseline === 0) this.#baselineMs = shortMs;
    else if (shortMs < baseline || this.#mostInFlight <= this.#options.minLimit)
      this.#baselineMs += BASELINE_WEIGHT * (shortMs - baseline);
  }

  #clamp(limit: number): number {
    const { minLimit, maxLimit } = this.#options;
    return Math.min(Math.max(limit, minLimit), Math.max(minLimit, maxLimit));
  }
}
