import type { Clock } from '@agentwire/core';
import type { Lifecycle } from '@agentwire/core/internal';

/** Settings of a {@link CircuitBreaker}. */
export interface CircuitBreakerSettings {
  /** Failures in a row that open it; `Infinity`: only the error ratio does. */
  readonly threshold: number;
  /** Time from opening to the first probe, in milliseconds. */
  readonly resetTimeoutMs: number;
  /** Share of failures within the window that opens it; above 1: only failures in a row do. */
  readonly errorRatio: number;
  /** Length of the window of `errorRatio`, in milliseconds. */
  readonly windowMs: number;
  /** Outcomes within the window from which on `errorRatio` counts. */
  readonly minRequests: number;
}

/** State of an agent's circuit breaker; `openedAt` is on the pool's clock, in milliseconds. */
export type CircuitBreakerState = 'closed' | 'halfOpen' | { readonly state: 'open'; readonly openedAt: number };

/** Names of the states. */
type StateName = 'closed' | 'open' | 'halfOpen';

/** Transitions of a {@link CircuitBreaker}, for docs/lifecycle.md. */
export const CIRCUIT_BREAKER_LIFECYCLE: Lifecycle<StateName> = {
  closed: { 'too many failures': 'open' },
  open: { 'request after the reset timeout': 'halfOpen', 'new connection': 'halfOpen' },
  halfOpen: { 'probe succeeded': 'closed', 'probe failed': 'open' },
};

type State =
  | { readonly name: 'closed' }
  | { readonly name: 'open'; readonly openedAt: number }
  | { readonly name: 'halfOpen'; readonly probing: boolean };

const BUCKETS = 10;
const CLOSED: State = { name: 'closed' };

/**
 * Circuit breaker of an agent: closed → open after failures, open → half-open after the reset timeout or a new handshake, half-open → closed
 * or open by the outcome of one probe. Outcomes of requests that were admitted before it opened change nothing.
 */
export class CircuitBreaker {
  readonly #settings: CircuitBreakerSettings;
  readonly #clock: Clock;
  // with consecutive failures alone, a success needs neither the time nor the window
  readonly #usesRatio: boolean;
  #state: State = CLOSED;
  #failuresInRow = 0;
  // outcomes by tenths of the window
  readonly #failures = new Float64Array(BUCKETS);
  readonly #outcomes = new Float64Array(BUCKETS);
  #bucket = -1;

  constructor(settings: CircuitBreakerSettings, clock: Clock) {
    this.#settings = settings;
    this.#clock = clock;
    this.#usesRatio = settings.errorRatio <= 1;
  }

  /** Current state; an open one whose reset timeout has passed stays open until it is asked for admission. */
  get state(): CircuitBreakerState {
    const state = this.#state;
    return state.name === 'open' ? { state: 'open', openedAt: state.openedAt } : state.name;
  }

  /** True while every request passes. */
  get isClosed(): boolean {
    return this.#state.name === 'closed';
  }

  /** Admits a request: `pass`, `refuse`, or `probe` for the one whose outcome goes to {@link probed}. */
  admit(): 'pass' | 'probe' | 'refuse' {
    const state = this.#state;
    if (state.name === 'closed') return 'pass';
    if (state.name === 'halfOpen') {
      if (state.probing) return 'refuse';
    } else if (this.#clock.now() - state.openedAt < this.#settings.resetTimeoutMs) return 'refuse';
    this.#state = { name: 'halfOpen', probing: true };
    return 'probe';
  }

  /** Records the outcome of a request that passed. @returns `true` if it opened the breaker */
  record(failed: boolean): boolean {
    if (this.#state.name !== 'closed') return false;
    if (!failed) this.#failuresInRow = 0;
    if (!failed && !this.#usesRatio) return false;
    const now = this.#clock.now();
    const at = this.#advance(now);
    this.#outcomes[at] = (this.#outcomes[at] as number) + 1;
    if (!failed) return false;
    this.#failures[at] = (this.#failures[at] as number) + 1;
    this.#failuresInRow += 1;
    if (this.#failuresInRow < this.#settings.threshold && !this.#isOverRatio()) return false;
    this.#open();
    return true;
  }

  /** Records the outcome of the probe; `undefined` where it tells nothing of the agent, so that the next request is one. */
  probed(failed: boolean | undefined): void {
    if (this.#state.name !== 'halfOpen') return;
    if (failed === undefined) this.#state = { name: 'halfOpen', probing: false };
    else if (failed) this.#open();
    else this.#close();
  }

  /** Moves an open breaker to half-open at once: a new connection was made. */
  connected(): void {
    if (this.#state.name === 'open') this.#state = { name: 'halfOpen', probing: false };
  }

  #open(): void {
    this.#state = { name: 'open', openedAt: this.#clock.now() };
  }

  #close(): void {
    this.#state = CLOSED;
    this.#failuresInRow = 0;
    this.#failures.fill(0);
    this.#outcomes.fill(0);
  }

  /** Clears the buckets that have left the window. @returns that of `now` */
  #advance(now: number): number {
    const bucket = Math.floor((now / this.#settings.windowMs) * BUCKETS);
    const passed = Math.min(bucket - this.#bucket, BUCKETS);
    for (let at = 0; at < passed; at++) {
      const old = (bucket - at) % BUCKETS;
      this.#failures[old] = 0;
      this.#outcomes[old] = 0;
    }
    this.#bucket = Math.max(bucket, this.#bucket);
    return this.#bucket % BUCKETS;
  }

  #isOverRatio(): boolean {
    let failures = 0;
    let outcomes = 0;
    for (let at = 0; at < BUCKETS; at++) {
      failures += this.#failures[at] as number;
      outcomes += this.#outcomes[at] as number;
    }
    return outcomes >= this.#settings.minRequests && failures / outcomes >= this.#settings.errorRatio;
  }
}
