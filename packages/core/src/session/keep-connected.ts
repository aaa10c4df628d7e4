import { type Clock, delay, systemClock } from '../clock.ts';
import { AgentwireError, toAgentwireError } from '../errors.ts';
import { backoffDelay, type BackoffOptions } from './backoff.ts';

/** How a connection of {@link keepConnected} ended. */
export interface KeptEnd {
  /** What went wrong; absent after an orderly end. */
  readonly error?: AgentwireError | undefined;
  /** Takes nothing new and finishes what it has: the next one is dialled at once, unless this one did not live long. */
  readonly draining?: boolean | undefined;
}

/** What {@link keepConnected} needs. */
export interface KeepConnectedOptions {
  /**
   * Connects, and resolves once connected to a promise that resolves when that connection has ended or drains. A rejection
   * is a failed attempt.
   */
  readonly connect: (signal: AbortSignal) => Promise<{ readonly ended: Promise<KeptEnd | undefined | void> }>;
  /** Ends the loop; a connection that is up then is left to its owner. */
  readonly signal: AbortSignal;
  readonly backoff?: BackoffOptions;
  readonly clock?: Clock;
  /** Numbers from 0 up to 1 for the jitter; default `Math.random`. */
  readonly random?: () => number;
  /** Told of each failed attempt and of the wait that follows. */
  readonly onFailure?: (error: AgentwireError, failures: number, waitMs: number) => void;
  /** Given, at the start of each wait, what ends that wait early; without effect once it is over. */
  readonly onWait?: (tryNow: () => void) => void;
}

/** A connection that lived this long was a good one: the next failure starts the backoff anew. */
const GOOD_AFTER_MS = 5_000;

/**
 * Keeps one connection up until `signal` is aborted: connects, waits for its end, and connects again, for ever, with
 * growing waits between failures. Pool and agent share it. Never rejects.
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
    // whoever was told may have ended it, and an aborted signal tells nobody any more
    if (signal.aborted) return;
    await rest(clock, waitMs, signal, options.onWait);
  }
}

/** A number of the user's for the jitter; without jitter where that is none. */
function ownRandom(random: () => number): number {
  try {
    const value = random();
    return value >= 0 && value <= 1 ? value : 0.5;
  } catch {
    return 0.5;
  }
}

/** A listener's throw must not end the attempts. */
function tellFailure({ onFailure }: KeepConnectedOptions, ...what: Parameters<NonNullable<typeof onFailure>>): void {
  try {
    onFailure?.(...what);
  } catch {
    // what it was told of is in no log of ours; whoever listens has one
  }
}

/** Waits for `waitMs`, or until `signal` or whoever got `tryNow` ends it. */
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
