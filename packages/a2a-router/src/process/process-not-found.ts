import { AgentwireError } from '@agentwire/core';
import type { Pid } from './pid.ts';

/** Makes the error for a pid without a process. */
export function processNotFound(pid: Pid): AgentwireError {
  return new AgentwireError('ERR_PROCESS_NOT_FOUND', `no process has pid ${pid}`);
}
