import type { Clock } from '@agentwire/core';
import type { Lifecycle } from '@agentwire/core/internal';
import { OutcomeWindow } from '../health/health-window.ts';

/** Settings of a {@link CircuitBreaker}. */
export interface CircuitBreakerSettings {
  /** Failures in a row that open it; `Infinity`: only the error ratio does. */
  readonly threshold: number;
  /** Time from opening to the first probe, in milliseconds. */
  readonly resetTimeoutMs: number;
  /** Time within which a probe must have an outcome, in milliseconds. */
  readonly probeTimeoutMs: number;
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
  halfOpen: { 'probe succeeded': 'closed', 'probe failed': 'open', 'probe without outcome in time': 'open' },
};

/** Request that is admitted to find out whether the agent answers again; without an outcome at `until` it has failed. */
export interface Probe {
  readonly until: number;
}

type State =
  | { readonly name: 'closed' }
  | { readonly name: 'open'; readonly openedAt: number }
  | { readonly name: 'halfOpen'; readonly probe: Probe | undefined };

const CLOSED: State = { name: 'closed' };
const HALF_OPEN: State = { name: 'halfOpen', probe: undefined };

/**
 * Circuit breaker of an agent: closed → open after failures, open → half-open after the reset timeout or a new handshake, half-open → closed
 * or open by the outcome of one probe. Outcomes of requests that were admitted before it opened change nothing.
 */
export class CircuitBreaker {
  readonly #settings: CircuitBreakerSettings;
  readonly #clock: Clock;
  /** Outcomes for the error ratio; without one, a success costs nothing. */
  readonly #window: OutcomeWindow | undefined;
  #state: State = CLOSED;
  #failuresInRow = 0;

  constructor(settings: CircuitBreakerSettings, clock: Clock) {
    this.#settings = settings;
    this.#clock = clock;
    this.#window = settings.errorRatio <= 1 ? new OutcomeWindow(settings.windowMs) : undefined;
  }

  /** Current state; an open one whose reset timeout has passed stays open until it is asked for admission. */
  get state(): CircuitBreakerState {
    this.#endProbe();
    const state = this.#state;
    return state.name === 'open' ? { state: 'open', openedAt: state.openedAt } : state.name;
  }

  /** True while every request passes. */
  get isClosed(): boolean {
    return this.#state === CLOSED;
  }

  /** Admits a request: `pass`, `refuse`, or as the probe, whose outcome goes to {@link probed}. */
  admit(): 'pass' | 'refuse' | Probe {
    this.#endProbe();
    const state = this.#state;
    if (state.name === 'closed') return 'pass';
    const now = this.#clock.now();
    if (state.name === 'halfOpen') {
      if (state.probe !== undefined) return 'refuse';
    } else if (now - state.openedAt < this.#settings.resetTimeoutMs) return 'refuse';
    const probe: Probe = { until: now + this.#settings.probeTimeoutMs };
    this.#state = { name: 'halfOpen', probe };
    return probe;
  }

  /** Records the outcome of a request that passed. @returns `true` if it opened the breaker */
  record(failed: boolean, now: number): boolean {
    if (this.#state !== CLOSED) return false;
    this.#window?.record(failed, now);
    if (!failed) {
      this.#failuresInRow = 0;
      return false;
    }
    this.#failuresInRow += 1;
    if (this.#failuresInRow < this.#settings.threshold && !this.#isOverRatio(now)) return false;
    this.#open(now);
    return true;
  }

  /**
   * Records the outcome of a probe; `undefined` where it tells nothing of the agent, so that the next request is one. The
   * outcome of a probe whose time was over changes nothing.
   */
  probed(probe: Probe, failed: boolean | undefined): void {
    this.#endProbe();
    if (this.#state.name !== 'halfOpen' || this.#state.probe !== probe) return;
    if (failed === undefined) this.#state = HALF_OPEN;
    else if (failed) this.#open(this.#clock.now());
    else this.#close();
  }

  /** Moves an open breaker to half-open at once: a new connection was made. */
  connected(): void {
    this.#endProbe();
    if (this.#state.name === 'open') this.#state = HALF_OPEN;
  }

  /** Reopens the breaker where its probe got no outcome in time. */
  #endProbe(): void {
    if (this.#state.name !== 'halfOpen' || this.#state.probe === undefined) return;
    const { until } = this.#state.probe;
    if (this.#clock.now() >= until) this.#open(until);
  }

  #open(openedAt: number): void {
    this.#state = { name: 'open', openedAt };
  }

  #close(): void {
    this.#state = CLOSED;
    this.#failuresInRow = 0;
    this.#window?.clear();
  }

  #isOverRatio(now: number): boolean {
    if (this.#window === undefined) return false;
    const { outcomes, failures } = this.#window.totals(now);
    return outcomes >= this.#settings.minRequests && failures / outcomes >= this.#settings.errorRatio;
  }
}
