import { type ChildProcess, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { commandFile, spawnChild } from '../child.ts';
import type { Column } from '../columns.ts';
import { monotonicMs } from '../now.ts';
import { within } from '../wait.ts';

const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url));

/** The programs that rows start. */
export type AgentProgram = 'faults' | 'http' | 'sessions' | 'liar' | 'pinger';

/** Agents that `agentwire agent` serves. */
const SERVED: ReadonlySet<AgentProgram> = new Set(['faults', 'http']);
const FILES: Readonly<Record<AgentProgram, string>> = {
  faults: 'fault-agent.ts',
  http: 'http-agent.ts',
  sessions: 'session-agent.ts',
  liar: 'liar-agent.ts',
  pinger: 'pinger-agent.ts',
};

function commandLine(program: AgentProgram, column: Column, address: string, more: readonly string[]): string[] {
  const file = here(FILES[program]);
  if (SERVED.has(program))
    return [commandFile(), 'agent', file, '--json', '--listen', address, ...(column.agentFlags ?? [])];
  return [file, column.id, address, ...more];
}

/** Limits of an agent's process. */
export interface ProcessLimits {
  /** Descriptors that it may have open. */
  readonly maxDescriptors?: number;
  /** Folder for its temporary files, a full file system of its own where this system allows one, else with a limit of 64 KiB for any file. */
  readonly fullTemp?: string;
  /** Old generation of its heap, in MiB. */
  readonly maxHeapMiB?: number;
}

/** The words that start a process under limits. */
function limited(given: readonly string[], limits: ProcessLimits): [string, readonly string[]] {
  const { maxDescriptors, fullTemp, maxHeapMiB } = limits;
  const words = maxHeapMiB === undefined ? given : [`--max-old-space-size=${maxHeapMiB}`, ...given];
  if (maxDescriptors === undefined && fullTemp === undefined) return [process.execPath, words];
  const lines: string[] = [];
  if (maxDescriptors !== undefined) lines.push(`ulimit -n ${maxDescriptors}`);
  if (fullTemp !== undefined) {
    const mount = `mount -t tmpfs -o size=4m tmpfs "${fullTemp}" && head -c 4m /dev/zero > "${fullTemp}/filler"; true`;
    lines.push(`export TMPDIR="${fullTemp}"`, hasMounts() ? mount : 'ulimit -f 128');
  }
  const shell = ['/bin/sh', '-c', `${lines.join('; ')}; exec "$0" "$@"`, process.execPath, ...words];
  if (fullTemp !== undefined && hasMounts()) return ['unshare', ['-rm', ...shell]];
  return [shell[0] as string, shell.slice(1)];
}

/** Returns whether a process here may have file systems of its own. */
export function hasMounts(): boolean {
  const words = ['-rm', '/bin/sh', '-c', 'mount -t tmpfs -o size=4m tmpfs /tmp'];
  return spawnSync('unshare', words, { stdio: 'ignore' }).status === 0;
}

/** An agent in a process of its own. */
export class AgentProcess {
  readonly program: AgentProgram;
  readonly endpoint: string;
  readonly child: ChildProcess;
  /** Set when the row ends it, so that its end is no finding. */
  endsItself = false;
  /** Time of its listening line, on the machine's monotonic clock. */
  readonly listeningAt: number = monotonicMs();
  /** Time from then to the first answer over a connection of its own, in milliseconds: what starting takes on this machine now. */
  answeredMs = 0;
  readonly exited: Promise<unknown>;
  readonly #errors: () => string;

  private constructor(program: AgentProgram, endpoint: string, child: ChildProcess, errors: () => string) {
    this.program = program;
    this.endpoint = endpoint;
    this.child = child;
    this.#errors = errors;
    this.exited = this.ended ? Promise.resolve() : once(child, 'exit');
  }

  /** Starts it and resolves once it listens. */
  static async start(
    program: AgentProgram,
    column: Column,
    address: string,
    more: readonly string[] = [],
    limits: ProcessLimits = {},
  ): Promise<AgentProcess> {
    const child = spawnChild(...limited(commandLine(program, column, address, more), limits));
    let errors = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (errors = (errors + text).slice(-4000)));
    const lines = createInterface({ input: child.stdout });
    const line = await within(Promise.race([once(lines, 'line'), once(child, 'exit')]), 20_000);
    lines.close();
    child.stdout.resume();
    if (typeof line?.[0] !== 'string') {
      child.kill('SIGKILL');
      throw new Error(`the agent did not listen on ${address}: ${errors}`);
    }
    const { endpoint } = JSON.parse(line[0]) as { endpoint: string };
    return new AgentProcess(program, endpoint, child, () => errors);
  }

  get ended(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  /** Last lines of its stderr. */
  get errors(): string {
    return this.#errors();
  }

  /** Sends a signal; one that ends it makes its end expected. */
  signal(name: NodeJS.Signals): void {
    if (name !== 'SIGSTOP' && name !== 'SIGCONT') this.endsItself = true;
    this.child.kill(name);
  }

  /** Ends it now, whatever state it is in. */
  async destroy(): Promise<void> {
    if (!this.ended) {
      this.signal('SIGKILL');
      await this.exited;
    }
    this.child.stdout?.destroy();
    this.child.stderr?.destroy();
  }
}
