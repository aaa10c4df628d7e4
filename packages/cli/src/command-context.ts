import type { Terminal } from './output/terminal.ts';

/** Exit status: 0 success, 1 the requested action failed, 2 wrong use. */
export type ExitStatus = 0 | 1 | 2;

/** Environment of a command. */
export interface CommandContext {
  readonly terminal: Terminal;
  /** Set by the command that ran. */
  status: ExitStatus;
}
