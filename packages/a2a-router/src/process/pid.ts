import { AgentwireError } from '@agentwire/core';

/** A process id: a positive integer; 0 is the kernel. */
export type Pid = number;

/** The pid of the kernel, which always exists and may do everything. */
export const KERNEL_PID: Pid = 0;

/** Makes the error for a pid without a process. */
export function processNotFound(pid: Pid): AgentwireError {
  return new AgentwireError('ERR_PROCESS_NOT_FOUND', `no process has pid ${pid}`);
}
