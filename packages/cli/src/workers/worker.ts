import type { Worker as ClusterWorker } from 'node:cluster';
import type { Clock, Logger, TimerHandle } from '@agentwire/core';
import type { Lifecycle } from '@agentwire/core/internal';
import { HangWatch } from './hang-watch.ts';
import type { FromWorker, ToWorker, WorkerValues } from './worker-link.ts';

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
const ANSWER_TIMEOUT_MS = 2_000;

/** Collaborators of a {@link Worker}. */
export interface WorkerDeps {
  readonly clock: Clock;
  /** Time until a worker that does not become ready is killed, in milliseconds. */
  readonly startTimeoutMs: number;
  /** Time until a worker that does not end after a drain is killed, in milliseconds. */
  readonly killAfterMs: number;
  /** Time without a message after which a worker that serves or drains is killed, in milliseconds; 0: never. */
  readonly hangTimeoutMs: number;
  readonly logger: Logger;
}

/** One worker process, in its primary process. */
export class Worker {
  readonly #process: ClusterWorker;
  readonly #deps: WorkerDeps;
  readonly #becameReady = Promise.withResolvers<boolean>();
  readonly #exited = Promise.withResolvers<void>();
  readonly #since: number;
  #state: WorkerState = 'starting';
  #hung = false;
  #killTimer: TimerHandle;
  #watch: HangWatch | undefined;
  #last: Partial<WorkerValues> = {};
  /** Questions that it has not answered yet. */
  readonly #asking = new Map<keyof WorkerValues, PromiseWithResolvers<void>>();

  constructor(process: ClusterWorker, deps: WorkerDeps) {
    this.#process = process;
    this.#deps = deps;
    this.#since = deps.clock.now();
    this.#killIn(deps.startTimeoutMs);
    process.on('message', (message: FromWorker) => this.#onMessage(message));
    // a process that cannot be started has an error and, as any other, an exit
    process.on('error', () => undefined);
    // it has drained: nothing that it says can come any more
    process.on('disconnect', () => this.#watch?.stop());
    process.on('exit', () => this.#onExit());
  }

  get state(): WorkerState {
    return this.#state;
  }

  /** `true` where it was killed because it hung. */
  get hung(): boolean {
    return this.#hung;
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

  /** Values that it sent last, each `undefined` before it sent any. */
  get last(): Partial<WorkerValues> {
    return this.#last;
  }

  /** Resolves with `true` once it serves, with `false` when it ended before. */
  get ready(): Promise<boolean> {
    return this.#becameReady.promise;
  }

  /** Resolves when its process has ended. */
  get exited(): Promise<void> {
    return this.#exited.promise;
  }

  /** Asks for values of one kind. @returns `undefined` where it does not answer in 2 s */
  async ask<Kind extends keyof WorkerValues>(kind: Kind): Promise<WorkerValues[Kind] | undefined> {
    if (this.#state !== 'ready' && this.#state !== 'draining') return undefined;
    const before = this.#last[kind];
    let asking = this.#asking.get(kind);
    if (asking === undefined) {
      asking = Promise.withResolvers();
      this.#asking.set(kind, asking);
      this.#send({ type: kind });
      const { clock } = this.#deps;
      const timer = clock.setTimeout(() => this.#answered(kind), ANSWER_TIMEOUT_MS);
      void asking.promise.then(() => clock.clearTimeout(timer));
    }
    await asking.promise;
    const values = this.#last[kind];
    return values === before ? undefined : values;
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
    this.#watch?.beat();
    if (message.type === 'alive') return;
    if (message.type !== 'ready') {
      this.#last = { ...this.#last, [message.type]: message.values };
      return this.#answered(message.type);
    }
    if (this.#state !== 'starting') return;
    this.#state = 'ready';
    this.#deps.clock.clearTimeout(this.#killTimer);
    const { clock, hangTimeoutMs } = this.#deps;
    if (hangTimeoutMs > 0) this.#watch = new HangWatch(clock, hangTimeoutMs, () => this.#onHang());
    this.#becameReady.resolve(true);
  }

  #onHang(): void {
    this.#hung = true;
    const { id, pid } = this;
    const { logger, hangTimeoutMs } = this.#deps;
    logger.error(
      { worker: id, pid, hangTimeoutMs },
      'a worker hangs: its event loop is blocked, so none of its requests goes on; it is killed',
    );
    this.#process.process.kill('SIGKILL');
  }

  #onExit(): void {
    this.#state = 'ended';
    this.#deps.clock.clearTimeout(this.#killTimer);
    this.#watch?.stop();
    for (const kind of this.#asking.keys()) this.#answered(kind);
    this.#becameReady.resolve(false);
    this.#exited.resolve();
  }

  #answered(kind: keyof WorkerValues): void {
    this.#asking.get(kind)?.resolve();
    this.#asking.delete(kind);
  }

  #killIn(ms: number): void {
    this.#killTimer = this.#deps.clock.setTimeout(() => this.#process.process.kill('SIGKILL'), ms);
  }

  #send(message: ToWorker): void {
    if (this.#process.isConnected()) this.#process.send(message, undefined, {}, () => undefined);
  }
}
