import type { Terminal } from './output/terminal.ts';

/** How a command ended: 0 it holds, 1 what was asked for failed, 2 wrong use. */
export type ExitStatus = 0 | 1 | 2;

/** What a command needs of its surroundings. */
export interface CommandContext {
  readonly terminal: Terminal;
  /** Set by the command that ran. */
  status: ExitStatus;
}
