import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { ExitStatus } from './command-context.ts';

/**
 * Runs this command again in a process of its own that Node starts anew whenever a file changes that it has loaded.
 *
 * @returns the exit status once it was ended by a signal
 */
export async function watchCommand(): Promise<ExitStatus> {
  const [bin = '', ...args] = process.argv.slice(1);
  const watching = ['--watch', '--watch-preserve-output', bin, ...args.filter((word) => word !== '--watch')];
  const child = spawn(process.execPath, [...process.execArgv, ...watching], { stdio: 'inherit' });
  const forward = (signal: NodeJS.Signals): void => void child.kill(signal);
  process.on('SIGTERM', forward).on('SIGINT', forward);
  const [status] = (await once(child, 'exit')) as [number | null];
  process.off('SIGTERM', forward).off('SIGINT', forward);
  return status === 0 || status === null ? 0 : 1;
}
