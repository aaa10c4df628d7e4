import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Column } from '../columns.ts';
import { monotonicMs } from '../now.ts';
import { within } from '../wait.ts';

const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url));
const commandFile = (): string =>
  join(dirname(fileURLToPath(import.meta.resolve('@agentwire/cli/package.json'))), 'bin/agentwire.js');

/** The programs that rows start. */
export type AgentProgram = 'faults' | 'sessions' | 'liar';

function commandLine(program: AgentProgram, column: Column, address: string, more: readonly string[]): string[] {
  if (program === 'faults') return [commandFile(), 'agent', here('fault-agent.ts'), '--json', '--listen', address];
  return [here(program === 'liar' ? 'liar-agent.ts' : 'session-agent.ts'), column.id, address, ...more];
}

// what a run that is interrupted has started must not outlive it
const living = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of living) child.kill('SIGKILL');
});

/** An agent in a process of its own. */
export class AgentProcess {
  readonly program: AgentProgram;
  readonly endpoint: string;
  readonly child: ChildProcess;
  /** Whether the row ends it by itself, so that its end is no finding. */
  endsItself = false;
  /** When it said that it listens, on the machine's monotonic clock. */
  readonly listeningAt: number = monotonicMs();
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
  ): Promise<AgentProcess> {
    const child = spawn(process.execPath, commandLine(program, column, address, more), {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    living.add(child);
    child.once('exit', () => living.delete(child));
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

  /** What it last wrote to stderr. */
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
