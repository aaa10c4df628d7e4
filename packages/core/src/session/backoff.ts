import { OPTION, type OptionRows, type Resolved, resolveTypes } from '../option-table.ts';

/** Waits between attempts to connect. */
export interface BackoffOptions {
  /** Wait after the first failure, in milliseconds; default 100. */
  readonly initialMs?: number;
  /** Factor by which each further failure multiplies the wait; default 1.6. */
  readonly factor?: number;
  /** Longest wait, in milliseconds; default 30 000. */
  readonly maxMs?: number;
  /** Random part of the wait, up and down, 0 to 1; default 0.2. */
  readonly jitter?: number;
}

const HOUR_MS = 3_600_000;

/** Table of {@link BackoffOptions}; no value may make the wait vanish, or attempts would be a loop without a pause. */
export const BACKOFF_TABLE: OptionRows<BackoffOptions> = {
  initialMs: { check: OPTION.number(1, HOUR_MS), default: 100 },
  factor: { check: OPTION.number(1, 1_000), default: 1.6 },
  maxMs: { check: OPTION.number(1, 24 * HOUR_MS), default: 30_000 },
  jitter: { check: OPTION.number(0, 1), default: 0.2 },
};

/** Checks options and fills in defaults. @throws AgentwireError `ERR_INVALID_ARGUMENT` naming the option */
export function resolveBackoff(options: BackoffOptions = {}): Resolved<BackoffOptions> {
  OPTION.nested(BACKOFF_TABLE)('backoff', options);
  return resolveTypes('', options, BACKOFF_TABLE);
}

/**
 * Returns the wait after `failures` failures in a row, in milliseconds.
 *
 * @param failures 1 after the first failure
 * @param random a number from 0 up to 1, for the jitter
 */
export function backoffDelay(failures: number, options: BackoffOptions = {}, random: number = Math.random()): number {
  const { initialMs, factor, maxMs, jitter } = resolveBackoff(options);
  const wait = Math.min(maxMs, initialMs * factor ** (Math.max(1, failures) - 1));
  return wait * (1 + jitter * (2 * random - 1));
}
