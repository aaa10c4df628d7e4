import type { Clock, Logger, TimerHandle } from '@agentwire/core';
import { backoffDelay } from '@agentwire/core/session/internal';
import type { Worker } from './worker.ts';

/** Waits between a crash of a worker and its replacement. */
const BACKOFF = { initialMs: 100, factor: 2, maxMs: 10_000, jitter: 0.2 };

/** Age from which on the crash of a worker is the first one again, in milliseconds. */
const GOOD_AFTER_MS = 5_000;

/** Collaborators of {@link Workers}. */
export interface WorkersDeps {
  readonly count: number;
  /** Starts a process. @throws where it cannot listen */
  readonly fork: () => Worker | Promise<Worker>;
  /** Called with each worker that serves, before it replaces another one; one for which it throws is ended. */
  readonly onReady?: (worker: Worker) => void;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called with each worker that served and ended by itself, or was killed because it hung. */
  readonly onFailure?: (worker: Worker) => void;
  /** Called with each worker whose process has ended. */
  readonly onExit?: (worker: Worker) => void;
}

/** Set of worker processes: one that crashes is replaced, without a limit of how often, and all are replaced one by one on demand. */
export class Workers {
  readonly #deps: WorkersDeps;
  readonly #members = new Set<Worker>();
  /** Workers that end on demand. */
  readonly #leaving = new Set<Worker>();
  readonly #timers = new Set<TimerHandle>();
  #isDraining = false;
  #last: Promise<void> = Promise.resolve();
  /** Restart that waits for the one before. */
  #next: Promise<void> | undefined;

  constructor(deps: WorkersDeps) {
    this.#deps = deps;
  }

  /** Workers that serve or will, and after them those that end. */
  get all(): readonly Worker[] {
    return [...this.#members, ...this.#leaving];
  }

  /** Workers that were asked for. */
  get count(): number {
    return this.#deps.count;
  }

  get isDraining(): boolean {
    return this.#isDraining;
  }

  /** Starts one worker and, once it serves, the others. @returns `false` where the first one ended before it served */
  start(): Promise<boolean> {
    const started = this.#start();
    this.#last = started.then(() => undefined);
    return started;
  }

  async #start(): Promise<boolean> {
    const first = await this.#launch();
    if (first === undefined) return false;
    this.#join(first, 0);
    const others = Array.from({ length: this.#deps.count - 1 }, () => this.#fill(0));
    await Promise.all(others);
    return true;
  }

  /**
   * Replaces all workers one by one: each new one serves before the one that it replaces drains. One restart at a time, and the
   * drains of the restart before are waited for, so there are never more than two processes per worker, nor more workers afterwards where some crash meanwhile.
   *
   * @throws Error where a new worker ended before it served; those that are not replaced by then go on
   */
  restart(): Promise<void> {
    if (this.#next !== undefined) return this.#next;
    const next = this.#last.then(() => {
      this.#next = undefined;
      return this.#restart();
    });
    this.#next = next;
    this.#last = next.catch(() => undefined);
    return next;
  }

  /** Lets all workers finish what is in flight. Resolves when all have ended. */
  async drain(): Promise<void> {
    this.#isDraining = true;
    for (const timer of this.#timers) this.#deps.clock.clearTimeout(timer);
    for (const worker of this.#members) this.#leave(worker);
    // those that are starting are ended too
    for (const worker of this.#leaving) void worker.drain();
    await Promise.all(Array.from(this.#leaving, ({ exited }) => exited));
  }

  async #restart(): Promise<void> {
    const { logger } = this.#deps;
    await Promise.all(Array.from(this.#leaving, ({ exited }) => exited));
    const before = [...this.#members];
    for (const old of before) {
      if (this.#isDraining) return;
      // one that has crashed meanwhile has been replaced by a new one already
      if (!this.#members.has(old)) continue;
      const worker = await this.#launch();
      if (this.#isDraining) return;
      if (worker === undefined)
        throw new Error(
          'a new worker ended before it served (its own lines in the log say why); the former ones go on',
        );
      this.#join(worker, 0);
      const isGone = !this.#members.has(old);
      if (!isGone) this.#leave(old);
      // `old` has crashed meanwhile, and what fills its place serves as well
      else if (this.#isFull(1)) this.#leave(before.find((one) => this.#members.has(one)) ?? worker);
    }
    logger.info({ workers: before.length }, 'all workers were replaced');
  }

  /** Starts a process and waits until it serves. @returns `undefined` where it ended before. @throws what `fork` throws */
  async #launch(): Promise<Worker | undefined> {
    const worker = await this.#deps.fork();
    this.#leaving.add(worker);
    void worker.exited.then(() => {
      this.#leaving.delete(worker);
      this.#deps.onExit?.(worker);
    });
    // a drain meanwhile ends it
    const isReady = !this.#isDraining && (await worker.ready);
    if (!isReady || this.#isDraining) return void worker.drain();
    try {
      this.#deps.onReady?.(worker);
    } catch (error) {
      void worker.drain();
      throw error;
    }
    this.#leaving.delete(worker);
    return worker;
  }

  #join(worker: Worker, failures: number): void {
    this.#members.add(worker);
    void worker.exited.then(() => {
      if (!this.#members.delete(worker) || this.#isDraining) return;
      this.#deps.onFailure?.(worker);
      this.#replace(worker.ageMs >= GOOD_AFTER_MS ? 1 : failures + 1, worker);
    });
  }

  #leave(worker: Worker): void {
    this.#members.delete(worker);
    if (worker.state === 'ended') return;
    this.#leaving.add(worker);
    void worker.drain().then(() => {
      if (worker.hung) this.#deps.onFailure?.(worker);
    });
  }

  #replace(failures: number, { id, pid }: { readonly id?: number; readonly pid?: number | undefined } = {}): void {
    const { clock, logger } = this.#deps;
    const waitMs = backoffDelay(failures, BACKOFF);
    logger.warn({ worker: id, pid, waitMs: Math.round(waitMs) }, 'a worker ended by itself, and will be replaced');
    const timer = clock.setTimeout(() => {
      this.#timers.delete(timer);
      void this.#fill(failures);
    }, waitMs);
    this.#timers.add(timer);
  }

  /** Returns whether there are enough workers without `surplus` of them: a restart may have filled the place of one that crashed. */
  #isFull(surplus = 0): boolean {
    return this.#members.size - surplus >= this.#deps.count;
  }

  async #fill(failures: number): Promise<void> {
    if (this.#isFull()) return;
    const worker = await this.#launch().catch((error: unknown) => {
      this.#deps.logger.error({ err: error }, 'a worker could not be started');
      return undefined;
    });
    if (worker !== undefined && this.#isFull()) this.#leave(worker);
    else if (worker !== undefined) this.#join(worker, failures);
    else if (!this.#isDraining) this.#replace(failures + 1);
  }
}
