import { type ChildProcess, spawn } from 'node:child_process';
import type { ExitStatus } from '../command-context.ts';
import { line, type Terminal } from '../output/terminal.ts';
import { WatchedFiles } from './watched-files.ts';
import { type FromWatched, type ToWatched, WATCHED } from './watched-process.ts';

/** Process of this command that loads the agent, and serves it when it is told to. */
class WatchedAgent {
  readonly #child: ChildProcess;
  /** Resolves with `true` once its files are loaded and are an agent, with `false` when it ended before. */
  readonly loaded: Promise<boolean>;
  /** Resolves with its status when it has ended; `null` where a signal ended it. */
  readonly ended: Promise<number | null>;

  constructor(files: WatchedFiles) {
    const [bin = '', ...args] = process.argv.slice(1);
    const child = spawn(process.execPath, [...process.execArgv, bin, ...args.filter((word) => word !== '--watch')], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: { ...process.env, [WATCHED]: '1' },
      // Ctrl-C comes through this process, so that it comes once
      detached: true,
    });
    this.#child = child;
    const [loaded, ended] = [Promise.withResolvers<boolean>(), Promise.withResolvers<number | null>()];
    child.on('message', (message: FromWatched) => {
      if (message.type === 'file') files.add(message.file);
      else loaded.resolve(true);
    });
    child.on('exit', (status) => {
      loaded.resolve(false);
      ended.resolve(status);
    });
    this.loaded = loaded.promise;
    this.ended = ended.promise;
  }

  get lives(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Sends a message; one that has ended gets none. */
  send(message: ToWatched): void {
    if (this.#child.connected) this.#child.send(message, () => undefined);
  }
}

/**
 * Runs this command again in a process of its own, and anew whenever a file changes that it has loaded, or on SIGHUP. The new process has loaded
 * and checked its files before that of before stops; files that cannot be loaded change nothing.
 *
 * @returns the exit status once it was ended by a signal
 */
export async function watchCommand(terminal: Terminal): Promise<ExitStatus> {
  const files = new WatchedFiles();
  const ended = new AbortController();
  const say = (text: string): void => line(terminal.stderr, text);
  let agent = new WatchedAgent(files);
  let next: WatchedAgent | undefined;
  const first = agent;
  void first.loaded.then((loads) => loads && first.send('serve'));
  const stop = (signal: NodeJS.Signals): void => {
    ended.abort();
    agent.kill(signal);
    next?.kill('SIGKILL');
  };
  process.on('SIGTERM', stop).on('SIGINT', stop).on('SIGHUP', files.change);
  while (!ended.signal.aborted) {
    const changed = files.changed(ended.signal);
    const what = await Promise.race([changed.then(() => 'changed' as const), agent.ended.then(() => 'ended' as const)]);
    if (ended.signal.aborted) break;
    if (what === 'ended') say('the agent has ended; it is started anew when a file changes');
    const file = await changed;
    if (ended.signal.aborted) break;
    say(`${file === undefined ? 'SIGHUP' : `${file} has changed`}: the agent is loaded anew`);
    next = new WatchedAgent(files);
    const loads = await next.loaded;
    if (ended.signal.aborted) break;
    if (!loads) {
      if (agent.lives) say('the changed files cannot be loaded; the agent of before goes on');
      continue;
    }
    agent.send('drain');
    await agent.ended;
    if (ended.signal.aborted) break;
    next.send('serve');
    [agent, next] = [next, undefined];
  }
  files.close();
  const status = await agent.ended;
  await next?.ended;
  process.off('SIGTERM', stop).off('SIGINT', stop).off('SIGHUP', files.change);
  return status === 0 || status === null ? 0 : 1;
}
