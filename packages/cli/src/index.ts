export type { ExitStatus } from './command-context.ts';
export * from './main.ts';
