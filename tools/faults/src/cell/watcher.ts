import { countHandles } from '../agents/agent-report.ts';
import { monotonicMs } from '../now.ts';
import { waitUntil } from '../wait.ts';

/** Growth: `kind +n`, for every kind with more handles. */
export function grownHandles(
  before: Readonly<Record<string, number>>,
  after: Readonly<Record<string, number>>,
): string[] {
  return Object.entries(after)
    .map(([kind, count]) => [kind, count - (before[kind] ?? 0)] as const)
    .filter(([, more]) => more > 0)
    .map(([kind, more]) => `${kind} +${more}`);
}

/** Watches this process while a cell runs: unhandled errors, warnings, leaked handles. */
export class ProcessWatcher {
  readonly #before = countHandles();
  readonly #found: string[] = [];
  #blockedMs = 0;
  #starvedMs = 0;
  /** Starvation of late: each second that passes takes a second of it away. */
  #recentMs = 0;
  #lastTick = monotonicMs();
  #lastCpu = process.cpuUsage();
  readonly #ticker: NodeJS.Timeout;
  readonly #onRejection = (reason: unknown): void => void this.#found.push(`unhandled rejection: ${String(reason)}`);
  readonly #onException = (error: unknown): void => void this.#found.push(`uncaught exception: ${String(error)}`);
  // with its stack: a count of listeners alone does not tell who added them
  readonly #onWarning = (warning: Error): void =>
    void this.#found.push(`process warning: ${(warning.stack ?? warning.message).split('\n').slice(0, 8).join(' | ')}`);

  constructor() {
    process.on('unhandledRejection', this.#onRejection);
    process.on('uncaughtException', this.#onException);
    process.on('warning', this.#onWarning);
    this.#ticker = setInterval(() => this.#tick(), 10).unref();
  }

  #tick(): void {
    const now = monotonicMs();
    const late = now - this.#lastTick - 10;
    const { user, system } = process.cpuUsage(this.#lastCpu);
    this.#blockedMs = Math.max(this.#blockedMs, late);
    const starved = Math.max(0, late - (user + system) / 1000);
    this.#recentMs = Math.max(0, this.#recentMs - 10) + starved;
    this.#starvedMs = Math.max(this.#starvedMs, this.#recentMs);
    this.#lastTick = now;
    this.#lastCpu = process.cpuUsage();
  }

  /** The longest that this process did not come to run its timers, in milliseconds: what any figure may be off by. */
  get blockedMs(): number {
    return this.#blockedMs;
  }

  /**
   * The longest that the machine gave this process no processor although it was due, in milliseconds, with what it had not made up for
   * before: no outcome can be on time then. What the process itself worked meanwhile is not in it.
   */
  get starvedMs(): number {
    return this.#starvedMs;
  }

  /** Ends it. @returns what was wrong */
  async finish(): Promise<string[]> {
    const grown = (): string[] => grownHandles(this.#before, countHandles());
    await waitUntil(() => grown().length === 0, 3_000, 10);
    const left = grown();
    if (left.length > 0) this.#found.push(`handles left in this process: ${left.join(', ')}`);
    clearInterval(this.#ticker);
    process.off('unhandledRejection', this.#onRejection);
    process.off('uncaughtException', this.#onException);
    process.off('warning', this.#onWarning);
    return this.#found;
  }
}
