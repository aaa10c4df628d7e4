import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

/** An agent in a process of its own. */
export interface AgentProcess {
  readonly child: ChildProcess;
  /** Endpoints, in the order of the arguments. */
  readonly endpoints: readonly string[];
  stop(): Promise<void>;
}

const READY_MS = 30_000;
const STOP_MS = 5_000;

/** Starts a program that prints `listening ENDPOINT` for each of `count` endpoints, and waits for these lines. */
export async function startAgent(command: readonly string[], count: number): Promise<AgentProcess> {
  const [program = '', ...args] = command;
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  let complaint = '';
  child.stderr.on('data', (data: Buffer) => {
    complaint = (complaint + data.toString()).slice(-2_000);
  });
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
    child.kill('SIGTERM');
    await Promise.race([exited, sleep(STOP_MS, undefined, { ref: false })]);
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await exited;
  };
  const endpoints: string[] = [];
  const lines = createInterface({ input: child.stdout });
  const ready = new Promise<boolean>((resolve) => {
    lines.on('line', (line) => {
      const [word, endpoint] = line.split(' ');
      if (word !== 'listening' || endpoint === undefined) return;
      if (endpoints.push(endpoint) === count) resolve(true);
    });
    void exited.then(() => resolve(false));
  });
  const late = sleep(READY_MS, false, { ref: false });
  if (await Promise.race([ready, late])) return { child, endpoints, stop };
  await stop();
  throw new Error(`${command.join(' ')} did not listen: ${complaint.trim() || 'without any output'}`);
}
