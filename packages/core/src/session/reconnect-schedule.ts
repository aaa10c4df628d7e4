import type { Lifecycle } from '../lifecycle.ts';
import { backoffDelay, type BackoffOptions } from './backoff.ts';

/** States of a connection that is kept up; in `waiting` the next attempt is due after the backoff. */
type ReconnectState = 'connecting' | 'connected' | 'waiting';

/** Transitions of a {@link ReconnectSchedule}. */
export const RECONNECT_LIFECYCLE: Lifecycle<ReconnectState> = {
  connecting: { connected: 'connected', failed: 'waiting' },
  connected: { 'ended early': 'waiting', 'ended with an error': 'waiting', 'ended gracefully': 'connecting' },
  waiting: { 'wait over': 'connecting' },
};

/** Lifetime from which on a connection resets the backoff, in milliseconds. */
const GOOD_AFTER_MS = 5_000;

/**
 * Schedule of one connection's attempts, without a limit of their number: after a failure the wait grows, with jitter; after a graceful
 * end of a connection that lived for 5 s or more the next attempt is due at once.
 */
export class ReconnectSchedule {
  /** Failures in a row. */
  failures = 0;
  readonly #backoff: BackoffOptions | undefined;
  readonly #random: () => number;
  #state: ReconnectState = 'connecting';
  #since = 0;

  /** @param random numbers from 0 up to 1, for the jitter */
  constructor(backoff: BackoffOptions | undefined, random: () => number) {
    this.#backoff = backoff;
    this.#random = random;
  }

  get state(): ReconnectState {
    return this.#state;
  }

  /** Records that an attempt succeeded. */
  connected(now: number): void {
    if (this.#state !== 'connecting') return;
    this.#state = 'connected';
    this.#since = now;
  }

  /** Records a failed attempt. @returns the wait until the next one, in milliseconds */
  failed(): number {
    if (this.#state === 'connecting') this.#state = 'waiting';
    this.failures += 1;
    return backoffDelay(this.failures, this.#backoff, this.#random());
  }

  /** Records the end of the connection. @returns the wait until the next attempt, in milliseconds; `undefined` for none */
  ended(graceful: boolean, now: number): number | undefined {
    const good = now - this.#since >= GOOD_AFTER_MS;
    if (good) this.failures = 0;
    if (this.#state === 'connected') this.#state = 'connecting';
    return good && graceful ? undefined : this.failed();
  }

  /** Records that the wait is over. */
  waited(): void {
    if (this.#state === 'waiting') this.#state = 'connecting';
  }
}
