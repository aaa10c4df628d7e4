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

/** Waits, each with the time of its end. Of many the oldest are overwritten: a row that measures memory must not see it grow. */
class Waits {
  readonly #endedAt = new Float64Array(KEPT);
  readonly #tookMs = new Float64Array(KEPT);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** End of the last one, in milliseconds of the machine's monotonic clock; 0 before there is one. */
  get lastAt(): number {
    return this.#count === 0 ? 0 : (this.#endedAt[(this.#count - 1) % KEPT] ?? 0);
  }

  add(endedAt: number, tookMs: number): void {
    this.#endedAt[this.#count % KEPT] = endedAt;
    this.#tookMs[this.#count % KEPT] = tookMs;
    this.#count += 1;
  }

  /** Returns how long each took that overlaps with a span. */
  *within(from: number, to: number): Generator<number> {
    for (let at = 0; at < Math.min(this.#count, KEPT); at++) {
      const endedAt = this.#endedAt[at] ?? 0;
      const tookMs = this.#tookMs[at] ?? 0;
      if (endedAt >= from && endedAt - tookMs <= to) yield tookMs;
    }
  }
}

/**
 * Measure of the machine's own speed while a row runs: the round trips of a plain socket of a process of its own, and the times that this
 * process was due and got no processor. What this process worked meanwhile is in neither.
 */
export class Yardstick {
  readonly #child: ReturnType<typeof spawnChild>;
  readonly #trips = new Waits();
  readonly #starved = new Waits();
  readonly #ticker: NodeJS.Timeout;

  private constructor(child: ReturnType<typeof spawnChild>) {
    this.#child = child;
    createInterface({ input: child.stdout }).on('line', (line) => {
      const [at = 0, tookMs = 0] = line.split(' ').map(Number);
      this.#trips.add(at, tookMs);
    });
    let [lastAt, lastCpu] = [monotonicMs(), process.cpuUsage()];
    this.#ticker = setInterval(() => {
      const at = monotonicMs();
      const { user, system } = process.cpuUsage(lastCpu);
      const tookMs = at - lastAt - TICK_MS - (user + system) / 1_000;
      if (tookMs > 0) this.#starved.add(at, tookMs);
      [lastAt, lastCpu] = [at, process.cpuUsage()];
    }, TICK_MS).unref();
  }

  /** Starts it, and resolves after its first round trip. @param path of its socket */
  static async start(path: string): Promise<Yardstick> {
    const yardstick = new Yardstick(spawnChild(process.execPath, [FILE, path]));
    if (!(await waitUntil(() => yardstick.#trips.count > 0, 20_000))) throw new Error('the yardstick did not start');
    return yardstick;
  }

  /** Resolves to the longest wait of the machine between two times, in milliseconds. */
  async worst(from: number, to: number = monotonicMs()): Promise<number> {
    await waitUntil(() => this.#trips.lastAt > to, 5_000);
    let worst = 0;
    for (const tookMs of this.#trips.within(from, to)) worst = Math.max(worst, tookMs);
    return worst;
  }

  /** Resolves to a limit for something that takes several waits: on an idle machine `limitMs` and little more. */
  async allows(limitMs: number, from: number, to: number = monotonicMs()): Promise<number> {
    const worst = await this.worst(from, to);
    let starved = 0;
    for (const tookMs of this.#starved.within(from, to)) starved += tookMs;
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
