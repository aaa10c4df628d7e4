import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { ExitStatus } from '../command-context.ts';
import { line, type Terminal } from '../output/terminal.ts';
import { WatchedFiles } from './watched-files.ts';
import { WATCHED_AS, type WatchedAs } from './watched-process.ts';

/** Starts this command in a process of its own that tells which files it loads. */
function startProcess(as: WatchedAs, files: WatchedFiles): ChildProcess {
  const [bin = '', ...args] = process.argv.slice(1);
  const child = spawn(process.execPath, [...process.execArgv, bin, ...args.filter((word) => word !== '--watch')], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, [WATCHED_AS]: as },
    // Ctrl-C comes through this process, so that it comes once
    detached: true,
  });
  child.on('message', (file: unknown) => files.add(String(file)));
  return child;
}

/** Waits until a process has ended. @returns its status, or `null` where a signal ended it */
async function endOf(child: ChildProcess): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return child.exitCode;
}

/** Returns whether the changed files can be loaded; a process of its own says why not. */
async function canBeLoaded(files: WatchedFiles): Promise<boolean> {
  return (await endOf(startProcess('check', files))) === 0;
}

/**
 * Runs this command again in a process of its own, and anew whenever a file changes that it has loaded, or on SIGHUP. Files that cannot be loaded
 * change nothing: the process of before goes on.
 *
 * @returns the exit status once it was ended by a signal
 */
export async function watchCommand(terminal: Terminal): Promise<ExitStatus> {
  const files = new WatchedFiles();
  const ended = new AbortController();
  const say = (text: string): void => line(terminal.stderr, text);
  let child = startProcess('serve', files);
  const stop = (signal: NodeJS.Signals): void => {
    ended.abort();
    child.kill(signal);
  };
  process.on('SIGTERM', stop).on('SIGINT', stop).on('SIGHUP', files.change);
  while (!ended.signal.aborted) {
    const what = await Promise.race([
      files.changed(ended.signal).then(() => 'changed' as const),
      endOf(child).then(() => 'ended' as const),
    ]);
    if (ended.signal.aborted) break;
    if (what === 'ended') {
      say('the agent has ended; it is started anew when a file changes');
      await files.changed(ended.signal);
    }
    const loads = await canBeLoaded(files);
    if (ended.signal.aborted) break;
    const lives = child.exitCode === null && child.signalCode === null;
    if (!loads) {
      if (lives) say('the changed files cannot be loaded; the agent of before goes on');
      continue;
    }
    child.kill('SIGTERM');
    await endOf(child);
    if (!ended.signal.aborted) child = startProcess('serve', files);
  }
  files.close();
  const status = await endOf(child);
  process.off('SIGTERM', stop).off('SIGINT', stop).off('SIGHUP', files.change);
  return status === 0 || status === null ? 0 : 1;
}
