import { AgentwireError } from '../errors.ts';
import { checkNumber } from '../options.ts';

/** Unanswered questions of one exchange; an agent of ours ends the connection when more of one request wait there. */
const MAX_PENDING = 1024;
const MAX_TIMEOUT_MS = 86_400_000;

/** Why an exchange with `pending` questions cannot take another one with this deadline; `undefined` where it can. */
export function refusalOf(pending: number, timeoutMs: number | undefined): unknown {
  if (pending >= MAX_PENDING)
    return new AgentwireError('ERR_OVERLOADED', `${MAX_PENDING} events of one request are unanswered; wait for some`);
  if (timeoutMs === undefined) return undefined;
  try {
    checkNumber('timeoutMs', timeoutMs, 0, MAX_TIMEOUT_MS);
    return undefined;
  } catch (error) {
    return error;
  }
}

/** The error of an exchange that its caller's signal gave up. */
export function abortedBy(signal: AbortSignal): AgentwireError {
  return new AgentwireError('ERR_ABORTED', 'the request was aborted', { cause: signal.reason });
}
