export type { ExitStatus } from './command-context.ts';
export { main } from './main.ts';
export type { Terminal } from './output/terminal.ts';
