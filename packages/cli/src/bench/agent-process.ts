import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { AgentwireError } from '@agentwire/core';

const BIN = fileURLToPath(new URL('../../bin/agentwire.js', import.meta.url));

/** Agent in a process of its own. */
export interface AgentProcess extends AsyncDisposable {
  readonly child: ChildProcess;
  readonly endpoints: readonly string[];
  /** Drains it, and kills it if it does not end within 5 s. */
  stop(): Promise<void>;
}

/**
 * Starts `agentwire agent MODULE --listen …` and waits until it accepts connections.
 *
 * @param prefix command that starts the process, for example `taskset -c 1`
 */
export async function startAgentProcess(
  module: string,
  listen: readonly string[],
  prefix: readonly string[] = [],
): Promise<AgentProcess> {
  const args = [BIN, 'agent', module, '--json', ...listen.flatMap((endpoint) => ['--listen', endpoint])];
  const [command = process.execPath, ...rest] = [...prefix, process.execPath, ...args];
  const child = spawn(command, rest, { stdio: ['ignore', 'pipe', 'inherit'] });
  const endpoints: string[] = [];
  const exited = once(child, 'exit');
  if (child.stdout === null) throw new AgentwireError('ERR_CONNECT', 'the agent process has no output');
  const lines = createInterface({ input: child.stdout });
  const ready = (async (): Promise<void> => {
    for await (const text of lines) {
      const { event, endpoint } = JSON.parse(text) as { event: string; endpoint: string };
      if (event === 'listening') endpoints.push(endpoint);
      if (endpoints.length === listen.length) return;
    }
    throw new AgentwireError('ERR_CONNECT', `agent ${module} ended before it listened`);
  })();
  await ready;
  child.stdout.resume();
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), 5_000);
    await exited;
    clearTimeout(timer);
  };
  return { child, endpoints, stop, [Symbol.asyncDispose]: stop };
}
