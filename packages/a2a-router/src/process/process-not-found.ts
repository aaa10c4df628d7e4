import { AgentwireError } from '@agentwire/core';
import type { Pid } from './pid.ts';

/** What is thrown where a pid is no process's. */
export function processNotFound(pid: Pid): AgentwireError {
  return new AgentwireError('ERR_PROCESS_NOT_FOUND', `no process has pid ${pid}`);
}
