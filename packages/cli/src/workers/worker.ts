import type { Worker as ClusterWorker } from 'node:cluster';
import type { Clock, TimerHandle } from '@agentwire/core';
import type { Lifecycle } from '@agentwire/core/internal';
import type { FromWorker, ToWorker, WorkerReport } from './worker-link.ts';

/** States of a worker, seen from the primary process; `ready`: it serves. */
export type WorkerState = 'starting' | 'ready' | 'draining' | 'ended';

/** Transitions of a {@link Worker}. */
export const WORKER_LIFECYCLE: Lifecycle<WorkerState> = {
  starting: { ready: 'ready', drain: 'ended', exit: 'ended' },
  ready: { drain: 'draining', exit: 'ended' },
  draining: { exit: 'ended' },
  ended: {},
};

/** Time that a worker has to answer with its values, in milliseconds. */
const REPORT_TIMEOUT_MS = 2_000;

/** Collaborators of a {@link Worker}. */
export interface WorkerDeps {
  readonly clock: Clock;
  /** Time until a worker that does not become ready is killed, in milliseconds. */
  readonly startTimeoutMs: number;
  /** Time until a worker that does not end after a drain is killed, in milliseconds. */
  readonly killAfterMs: number;
}

/** One worker process, in its primary process. */
export class Worker {
  readonly #process: ClusterWorker;
  readonly #deps: WorkerDeps;
  readonly #becameReady = Promise.withResolvers<boolean>();
  readonly #exited = Promise.withResolvers<void>();
  readonly #since: number;
  #state: WorkerState = 'starting';
  #killTimer: TimerHandle;
  #report: WorkerReport | undefined;
  #asking: PromiseWithResolvers<WorkerReport | undefined> | undefined;

  constructor(process: ClusterWorker, deps: WorkerDeps) {
    this.#process = process;
    this.#deps = deps;
    this.#since = deps.clock.now();
    this.#killIn(deps.startTimeoutMs);
    process.on('message', (message: FromWorker) => this.#onMessage(message));
    // a process that cannot be started has an error and, as any other, an exit
    process.on('error', () => undefined);
    process.on('exit', () => this.#onExit());
  }

  get state(): WorkerState {
    return this.#state;
  }

  get id(): number {
    return this.#process.id;
  }

  get pid(): number | undefined {
    return this.#process.process.pid;
  }

  /** Time since it was started, in milliseconds. */
  get ageMs(): number {
    return this.#deps.clock.now() - this.#since;
  }

  /** Values that it reported last. */
  get lastReport(): WorkerReport | undefined {
    return this.#report;
  }

  /** Resolves with `true` once it serves, with `false` when it ended before. */
  get ready(): Promise<boolean> {
    return this.#becameReady.promise;
  }

  /** Resolves when its process has ended. */
  get exited(): Promise<void> {
    return this.#exited.promise;
  }

  /** Asks for its values. @returns `undefined` where it does not answer in 2 s */
  async report(): Promise<WorkerReport | undefined> {
    if (this.#state !== 'ready' && this.#state !== 'draining') return undefined;
    if (this.#asking === undefined) {
      this.#asking = Promise.withResolvers();
      this.#send({ type: 'report' });
      const { clock } = this.#deps;
      const timer = clock.setTimeout(() => this.#answer(undefined), REPORT_TIMEOUT_MS);
      void this.#asking.promise.then(() => clock.clearTimeout(timer));
    }
    return this.#asking.promise;
  }

  /** Lets it open its log files again, also while it drains. */
  reopen(): void {
    this.#send({ type: 'reopen' });
  }

  /** Lets it finish what is in flight and end. One that is starting is ended at once. @returns `exited` */
  drain(): Promise<void> {
    if (this.#state === 'starting') {
      this.#state = 'ended';
      this.#process.process.kill('SIGKILL');
    } else if (this.#state === 'ready') {
      this.#state = 'draining';
      this.#send({ type: 'drain' });
      this.#killIn(this.#deps.killAfterMs);
    }
    return this.exited;
  }

  #onMessage(message: FromWorker): void {
    if (message.type === 'report') return this.#answer((this.#report = message.report));
    if (this.#state !== 'starting') return;
    this.#state = 'ready';
    this.#deps.clock.clearTimeout(this.#killTimer);
    this.#becameReady.resolve(true);
  }

  #onExit(): void {
    this.#state = 'ended';
    this.#deps.clock.clearTimeout(this.#killTimer);
    this.#answer(undefined);
    this.#becameReady.resolve(false);
    this.#exited.resolve();
  }

  #answer(report: WorkerReport | undefined): void {
    this.#asking?.resolve(report);
    this.#asking = undefined;
  }

  #killIn(ms: number): void {
    this.#killTimer = this.#deps.clock.setTimeout(() => this.#process.process.kill('SIGKILL'), ms);
  }

  #send(message: ToWorker): void {
    if (this.#process.isConnected()) this.#process.send(message, undefined, {}, () => undefined);
  }
}
