import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { spawnChild } from '../child.ts';
import { monotonicMs } from '../now.ts';
import { waitUntil } from '../wait.ts';

const FILE = fileURLToPath(new URL('../agents/yardstick-process.ts', import.meta.url));
const TICK_MS = 5;
const KEPT = 200_000;
const PARSED = JSON.stringify(Array.from({ length: 20_000 }, (_, n) => ({ n, name: `name ${n}`, list: [n, null] })));
/** Processor time of {@link cpuFactor}'s work on the machine that the rows' figures are from, in milliseconds. */
const NOMINAL_MS = 8;

interface Wait {
  readonly at: number;
  readonly tookMs: number;
}

/** Adds a wait; of many the older half is forgotten. */
function keep(waits: Wait[], wait: Wait): void {
  if (waits.push(wait) > KEPT) waits.splice(0, KEPT / 2);
}

/**
 * Measure of the machine's own speed while a row runs: the round trips of a plain socket of a process of its own, and the times that this
 * process was due and got no processor. What this process worked meanwhile is in neither.
 */
export class Yardstick {
  readonly #child: ReturnType<typeof spawnChild>;
  readonly #trips: Wait[] = [];
  readonly #starved: Wait[] = [];
  readonly #ticker: NodeJS.Timeout;

  private constructor(child: ReturnType<typeof spawnChild>) {
    this.#child = child;
    createInterface({ input: child.stdout }).on('line', (line) => {
      const [at = 0, tookMs = 0] = line.split(' ').map(Number);
      keep(this.#trips, { at, tookMs });
    });
    let [lastAt, lastCpu] = [monotonicMs(), process.cpuUsage()];
    this.#ticker = setInterval(() => {
      const at = monotonicMs();
      const { user, system } = process.cpuUsage(lastCpu);
      const tookMs = at - lastAt - TICK_MS - (user + system) / 1_000;
      if (tookMs > 0) keep(this.#starved, { at, tookMs });
      [lastAt, lastCpu] = [at, process.cpuUsage()];
    }, TICK_MS).unref();
  }

  /** Starts it, and resolves after its first round trip. @param path of its socket */
  static async start(path: string): Promise<Yardstick> {
    const yardstick = new Yardstick(spawnChild(process.execPath, [FILE, path]));
    if (!(await waitUntil(() => yardstick.#trips.length > 0, 20_000))) throw new Error('the yardstick did not start');
    return yardstick;
  }

  /** Resolves to the longest wait of the machine between two times, in milliseconds. */
  async worst(from: number, to: number = monotonicMs()): Promise<number> {
    await waitUntil(() => (this.#trips.at(-1)?.at ?? 0) > to, 5_000);
    const during = this.#trips.filter(({ at, tookMs }) => at >= from && at - tookMs <= to);
    return during.reduce((most, { tookMs }) => Math.max(most, tookMs), 0);
  }

  /** Resolves to a limit for something that takes several waits: on an idle machine `limitMs` and little more. */
  async allows(limitMs: number, from: number, to: number = monotonicMs()): Promise<number> {
    const worst = await this.worst(from, to);
    let starved = 0;
    for (const { at, tookMs } of this.#starved) if (at >= from && at - tookMs <= to) starved += tookMs;
    return limitMs + 2 * worst + starved;
  }

  /** Ends its process. */
  async close(): Promise<void> {
    clearInterval(this.#ticker);
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
    this.#child.stdout.destroy();
    this.#child.stderr.destroy();
  }
}

/** Factor, 1 at least, by which the processor time of a fixed piece of work is longer now than on an idle machine. */
export function cpuFactor(): number {
  let best = Infinity;
  for (let tries = 0; tries < 5; tries += 1) {
    const before = process.cpuUsage();
    JSON.parse(PARSED);
    const { user, system } = process.cpuUsage(before);
    best = Math.min(best, (user + system) / 1_000);
  }
  return Math.max(1, best / NOMINAL_MS);
}
