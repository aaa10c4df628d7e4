import { type Clock, delay, systemClock } from '../clock.ts';
import { AgentwireError, toAgentwireError } from '../errors.ts';
import { backoffDelay, type BackoffOptions } from './backoff.ts';

/** End of a connection of {@link keepConnected}. */
export interface KeptEnd {
  /** Error that ended it; absent after a graceful end. */
  readonly error?: AgentwireError | undefined;
  /** True if it drains: the next one is dialled at once, unless this one lived only shortly. */
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

/** Lifetime after which a connection resets the backoff, in milliseconds. */
const GOOD_AFTER_MS = 5_000;

/**
 * Keeps one connection open until `signal` is aborted: connects, waits for its end, and connects again, with growing waits
 * between failures. Pool and agent share it. Never rejects.
 */
export async function keepConnected(options: KeepConnectedOptions): Promise<void> {
  const { connect, signal, clock = systemClock, random = Math.random } = options;
  let failures = 0;
  while (!signal.aborted) {
    let error: AgentwireError;
    try {
      const { ended } = await connect(signal);
      const since = clock.now();
      const end = await ended;
      const good = clock.now() - since >= GOOD_AFTER_MS;
      if (good) failures = 0;
      if (good && end?.draining === true) continue;
      error = end?.error ?? new AgentwireError('ERR_CLOSED', 'the connection ended');
    } catch (cause) {
      error = toAgentwireError(cause, 'ERR_CONNECT');
    }
    if (signal.aborted) return;
    failures += 1;
    const waitMs = backoffDelay(failures, options.backoff, ownRandom(random));
    tellFailure(options, error, failures, waitMs);
    // the callback may have ended the loop, and a listener added to an aborted signal is never called
    if (signal.aborted) return;
    await rest(clock, waitMs, signal, options.onWait);
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
