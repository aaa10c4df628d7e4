import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { availableParallelism } from 'node:os';
import { createInterface } from 'node:readline';

/** Tests whether a program is installed. */
export function hasProgram(name: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${name}`], { stdio: 'ignore' }).status === 0;
}

/** Finds a free port of 127.0.0.1, for programs that do not say which one they took. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

const CORES = availableParallelism();
const CAN_PIN = CORES > 1 && hasProgram('taskset');

/** A process that says things line by line on stdout. */
export class Program implements AsyncDisposable {
  readonly child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #exited: Promise<unknown>;
  #errors = '';

  /** @param core the core it is bound to, where the system can do that; `undefined` leaves it free */
  constructor(command: readonly string[], core: number | undefined) {
    const pinned = core === undefined || !CAN_PIN ? [] : ['taskset', '-c', String(core % CORES)];
    const [program = '', ...args] = [...pinned, ...command];
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.child = child;
    this.#exited = once(child, 'exit');
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.#errors = (this.#errors + text).slice(-2000)));
  }

  /** Next line of its output. @throws Error with what it wrote to stderr when it ended instead */
  async line(): Promise<string> {
    const next = await this.#lines.next();
    if (next.done !== true) return next.value;
    await this.#exited;
    throw new Error(`${this.child.spawnargs.join(' ')} ended: ${this.#errors}`);
  }

  /** Resolves when it has ended by itself, or after two seconds. */
  async ended(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(() => resolve(), 2_000);
    await Promise.race([this.#exited, promise]);
    clearTimeout(timer);
  }

  /** Processor time that it and the processes which it started have used, in seconds; 0 where the system does not tell. */
  cpuSeconds(): number {
    return familyOf(this.child.pid).reduce((sum, pid) => sum + cpuSeconds(pid), 0);
  }

  /** Memory it holds, in bytes; 0 where the system does not tell. */
  rssBytes(): number {
    try {
      const text = readFileSync(`/proc/${this.child.pid}/status`, 'latin1');
      return Number(/VmRSS:\s+(\d+)/.exec(text)?.[1] ?? 0) * 1024;
    } catch {
      return 0;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    this.child.kill('SIGTERM');
    const timer = setTimeout(() => this.child.kill('SIGKILL'), 2_000);
    await this.#exited;
    clearTimeout(timer);
  }
}

/** Returns a process and all that it started, directly or not. */
function familyOf(pid: number | undefined): number[] {
  if (pid === undefined) return [];
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim();
    return [pid, ...(children === '' ? [] : children.split(' ').flatMap((child) => familyOf(Number(child))))];
  } catch {
    return [pid];
  }
}

function cpuSeconds(pid: number): number {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return 0;
  }
}

/** Processor time of the whole machine, in seconds. */
export function machineSeconds(): number {
  try {
    const fields =
      readFileSync('/proc/stat', 'latin1').split('\n', 1)[0]?.trim().split(/\s+/).slice(1).map(Number) ?? [];
    const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = fields;
    return (user + nice + system + irq + softirq + steal) / 100;
  } catch {
    return 0;
  }
}

/** Keeps every core awake with a process of the lowest priority, so that wake-ups are not measured. */
export function keepAwake(): readonly Program[] {
  const politely = hasProgram('chrt') ? ['chrt', '-i', '0'] : ['nice', '-n', '19'];
  return Array.from(
    { length: CORES },
    (_, core) => new Program([...politely, process.execPath, '-e', 'for (;;);'], core),
  );
}
