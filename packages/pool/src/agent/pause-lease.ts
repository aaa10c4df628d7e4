import type { Clock, TimerHandle } from '@agentwire/core';
import type { Lifecycle } from '@agentwire/core/internal';

/** Time that a pause lasts without being renewed, in milliseconds. */
export const PAUSE_LEASE_MS = 30_000;

/** States of a {@link PauseLease}; an `expired` connection is not trusted until the agent resumes or answers. */
type PauseLeaseState = 'flowing' | 'paused' | 'expired';

/** Transitions of a {@link PauseLease}, for docs/lifecycle.md. */
export const PAUSE_LEASE_LIFECYCLE: Lifecycle<PauseLeaseState> = {
  flowing: { pause: 'paused' },
  paused: { resume: 'flowing', 'session ended': 'flowing', 'not renewed in time': 'expired' },
  expired: { resume: 'flowing', answer: 'flowing' },
};

/** Lease of an agent's pause on one connection: a pause that is not renewed for 30 s is the fault of an agent that hangs, or forgot it. */
export class PauseLease {
  state: PauseLeaseState = 'flowing';
  readonly #clock: Clock;
  readonly #onExpired: () => void;
  #timer: TimerHandle;

  /** @param onExpired called when a pause was not renewed in time */
  constructor(clock: Clock, onExpired: () => void) {
    this.#clock = clock;
    this.#onExpired = onExpired;
  }

  /** Starts the lease, or renews it. */
  pause(): void {
    this.#stopTimer();
    // the next session of a connection whose lease expired is paused from its start: the agent is not well yet
    if (this.state === 'flowing') this.state = 'paused';
    this.#timer = this.#clock.setTimeout(() => {
      this.#timer = undefined;
      this.state = 'expired';
      this.#onExpired();
    }, PAUSE_LEASE_MS);
  }

  #stopTimer(): void {
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Ends the lease: the agent resumes. */
  resume(): void {
    this.#stopTimer();
    this.state = 'flowing';
  }

  /** Stops a running lease: its session is over, or takes no new requests anyway. */
  endSession(): void {
    this.#stopTimer();
    if (this.state === 'paused') this.state = 'flowing';
  }

  /** Trusts a connection again whose lease expired: the agent answers. */
  answered(): void {
    if (this.state === 'expired') this.state = this.#timer === undefined ? 'flowing' : 'paused';
  }
}
