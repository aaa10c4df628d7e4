import { type Clock, delay, systemClock } from '../clock.ts';
import { AgentwireError, toAgentwireError } from '../errors.ts';
import type { BackoffOptions } from './backoff.ts';
import { ReconnectSchedule } from './reconnect-schedule.ts';

/** End of a connection of {@link keepConnected}. */
export interface KeptEnd {
  /** Error that ended it; absent after a graceful end, after which the next one is dialled at once. */
  readonly error?: AgentwireError | undefined;
  /** True if it drains: the next one is dialled at once too. Neither is where this one lived for less than 5 s. */
  readonly draining?: boolean | undefined;
}

/** Options of {@link keepConnected}. */
export interface KeepConnectedOptions {
  /**
   * Connects, and resolves once connected to a promise that resolves when that connection has ended or drains. A rejection
   * is a failed attempt.
   */
  readonly connect: (signal: AbortSignal) => Promise<{ readonly ended: Promise<KeptEnd | undefined | void> }>;
  /** Ends the loop; a connection that is open then stays with its owner. */
  readonly signal: AbortSignal;
  readonly backoff?: BackoffOptions;
  readonly clock?: Clock;
  /** Numbers from 0 up to 1 for the jitter; default `Math.random`. */
  readonly random?: () => number;
  /** Called for each failed attempt with the wait that follows. */
  readonly onFailure?: (error: AgentwireError, failures: number, waitMs: number) => void;
  /** Called at the start of each wait with a function that ends it early; without effect once it is over. */
  readonly onWait?: (tryNow: () => void) => void;
}

/**
 * Keeps one connection open until `signal` is aborted: connects, waits for its end, and connects again, with growing waits
 * between failures. Pool and agent share it. Never rejects.
 */
export async function keepConnected(options: KeepConnectedOptions): Promise<void> {
  const { connect, signal, clock = systemClock, random = Math.random } = options;
  const schedule = new ReconnectSchedule(options.backoff, () => ownRandom(random));
  while (!signal.aborted) {
    let error: AgentwireError;
    let waitMs: number;
    try {
      const { ended } = await connect(signal);
      schedule.connected(clock.now());
      const end = await ended;
      const wait = schedule.ended(end?.draining === true || end?.error === undefined, clock.now());
      if (wait === undefined) continue;
      error = end?.error ?? new AgentwireError('ERR_CLOSED', 'the connection ended');
      waitMs = wait;
    } catch (cause) {
      error = toAgentwireError(cause, 'ERR_CONNECT');
      waitMs = schedule.failed();
    }
    if (signal.aborted) return;
    tellFailure(options, error, schedule.failures, waitMs);
    // the callback may have ended the loop, and a listener added to an aborted signal is never called
    if (signal.aborted) return;
    await rest(clock, waitMs, signal, options.onWait);
    schedule.waited();
  }
}

/** Returns the user's random number; without jitter if it is none. */
function ownRandom(random: () => number): number {
  try {
    const value = random();
    return value >= 0 && value <= 1 ? value : 0.5;
  } catch {
    return 0.5;
  }
}

/** Calls `onFailure`; a throw must not end the attempts. */
function tellFailure({ onFailure }: KeepConnectedOptions, ...what: Parameters<NonNullable<typeof onFailure>>): void {
  try {
    onFailure?.(...what);
  } catch {
    // the listener's own fault, and this loop has no logger
  }
}

/** Waits for `waitMs`, or until `signal` or `tryNow` ends it. */
async function rest(
  clock: Clock,
  waitMs: number,
  signal: AbortSignal,
  onWait: KeepConnectedOptions['onWait'],
): Promise<void> {
  const early = new AbortController();
  const tryNow = (): void => early.abort();
  signal.addEventListener('abort', tryNow, { once: true });
  onWait?.(tryNow);
  await delay(clock, waitMs, early.signal).catch(() => undefined);
  signal.removeEventListener('abort', tryNow);
}
