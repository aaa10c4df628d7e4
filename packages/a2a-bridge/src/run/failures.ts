import { TaskState } from '@a2a-js/sdk';
import { AgentwireError, ERROR_CODES, toAgentwireError } from '@agentwire/core';

/** End of a task that failed. */
export interface Failure {
  readonly state: TaskState;
  readonly code: string;
  readonly text: string;
}

// what is refused before anybody worked on it; all else has failed
const REJECTED: ReadonlySet<string> = new Set([
  'ERR_CAPABILITY_DENIED',
  'ERR_INVALID_ARGUMENT',
  'ERR_UNAUTHORIZED',
  'ERR_UNSUPPORTED',
]);

/** End of a task for an error: its code and what the code means; the error's own message only with `expose`. */
export function failureOf(error: unknown, expose: boolean): Failure {
  const { code, message } = error instanceof AgentwireError ? error : toAgentwireError(error, 'ERR_HANDLER');
  const state = REJECTED.has(code) ? TaskState.TASK_STATE_REJECTED : TaskState.TASK_STATE_FAILED;
  return { state, code, text: `${code}: ${expose ? message : ERROR_CODES[code].means}` };
}
