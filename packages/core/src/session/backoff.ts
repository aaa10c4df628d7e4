import { OPTION, type OptionTable } from '../option-table.ts';

/** How long to wait between attempts. */
export interface BackoffOptions {
  /** Wait after the first failure, in milliseconds; default 100. */
  readonly initialMs?: number;
  /** What each further failure multiplies the wait with; default 1.6. */
  readonly factor?: number;
  /** Longest wait, in milliseconds; default 30 000. */
  readonly maxMs?: number;
  /** Random part of the wait, up and down, 0 to 1; default 0.2. */
  readonly jitter?: number;
}

/** What {@link BackoffOptions} default to. */
const BACKOFF_DEFAULTS: Required<BackoffOptions> = { initialMs: 100, factor: 1.6, maxMs: 30_000, jitter: 0.2 };

const HOUR_MS = 3_600_000;

/** The check of every option in {@link BackoffOptions}. */
export const BACKOFF_TABLE: OptionTable<BackoffOptions> = {
  // none of these may make the wait vanish: attempts without a wait would be a loop that never rests
  initialMs: OPTION.number(1, HOUR_MS),
  factor: OPTION.number(1, 1_000),
  maxMs: OPTION.number(1, 24 * HOUR_MS),
  jitter: OPTION.number(0, 1),
};

/** Checks options and fills in defaults. @throws AgentwireError `ERR_INVALID_ARGUMENT` naming the option. */
export function resolveBackoff(options: BackoffOptions = {}): Required<BackoffOptions> {
  OPTION.nested(BACKOFF_TABLE)('backoff', options);
  const { initialMs, factor, maxMs, jitter } = BACKOFF_DEFAULTS;
  return {
    initialMs: options.initialMs ?? initialMs,
    factor: options.factor ?? factor,
    maxMs: options.maxMs ?? maxMs,
    jitter: options.jitter ?? jitter,
  };
}

/**
 * The wait after `failures` failures in a row, in milliseconds.
 *
 * @param failures 1 after the first failure
 * @param random a number from 0 up to 1, for the jitter
 */
export function backoffDelay(failures: number, options: BackoffOptions = {}, random: number = Math.random()): number {
  const { initialMs, factor, maxMs, jitter } = resolveBackoff(options);
  const wait = Math.min(maxMs, initialMs * factor ** (Math.max(1, failures) - 1));
  return wait * (1 + jitter * (2 * random - 1));
}
