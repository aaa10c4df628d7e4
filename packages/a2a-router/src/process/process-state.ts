/**
 * State of a process.
 *
 * starting → running | exited; running → suspended | stopping | exited;
 * suspended → running | stopping | exited; stopping → exited; exited is final.
 */
export type ProcessState = 'starting' | 'running' | 'suspended' | 'stopping' | 'exited';

const MOVES: Readonly<Record<ProcessState, readonly ProcessState[]>> = {
  starting: ['running', 'exited'],
  running: ['suspended', 'stopping', 'exited'],
  suspended: ['running', 'stopping', 'exited'],
  stopping: ['exited'],
  exited: [],
};

/** Every state, in the order of a life. */
export const PROCESS_STATES: readonly ProcessState[] = ['starting', 'running', 'suspended', 'stopping', 'exited'];

/** Tells whether a process may move from one state to another. */
export function canMove(from: ProcessState, to: ProcessState): boolean {
  return MOVES[from].includes(to);
}
