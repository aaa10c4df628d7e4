import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';

/** The file of the `agentwire` command. */
export const commandFile = (): string =>
  join(dirname(fileURLToPath(import.meta.resolve('@agentwire/cli/package.json'))), 'bin/agentwire.js');

// what a run that is interrupted has started must not outlive it
const living = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of living) child.kill('SIGKILL');
});

/** Starts a process that ends with this one at the latest; its stdout and stderr are pipes. */
export function spawnChild(file: string, words: readonly string[]): ChildProcessByStdio<null, Readable, Readable> {
  const child = spawn(file, words, { stdio: ['ignore', 'pipe', 'pipe'] });
  living.add(child);
  child.once('exit', () => living.delete(child));
  return child;
}
