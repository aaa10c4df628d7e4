import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { Cell } from './cell/cell.ts';

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

/**
 * Runs a program of this board to its end. It is killed with the cell.
 *
 * @returns the last line of its stdout, which is JSON. @throws Error with its stderr where there is none
 */
export async function reportOfChild(cell: Cell, words: readonly string[]): Promise<unknown> {
  const child = spawnChild(process.execPath, words);
  const ended = once(child, 'close');
  cell.defer(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  let [output, errors] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors = (errors + text).slice(-4_000)));
  const [status, signal] = (await ended) as [number | null, string | null];
  const line = output.trim().split('\n').at(-1) ?? '';
  if (status !== 0 || line === '') throw new Error(`a program ended with ${status ?? signal}: ${errors.trim()}`);
  return JSON.parse(line);
}
