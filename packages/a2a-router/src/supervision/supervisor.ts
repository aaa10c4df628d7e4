import { AgentwireError, toAgentwireError } from '@agentwire/core';
import { isLater } from '../gate/judge-answer.ts';
import type { Pid } from '../process/pid.ts';
import type { ProcessEntry } from '../process/process-entry.ts';
import type { A2ARouter } from '../router/a2a-router.ts';
import {
  type ChildSpec,
  type ResolvedSupervisorOptions,
  resolveSupervisorOptions,
  type SupervisorOptions,
} from './supervisor-options.ts';

/** One child as its supervisor knows it. */
export interface SupervisedChild {
  /** Its name. */
  readonly id: string;
  /** Pid of its process; undefined while it has none. */
  readonly pid: Pid | undefined;
  /** Starts after the first one. */
  readonly restarts: number;
}

interface Child {
  readonly spec: ChildSpec;
  pid: Pid | undefined;
  restarts: number;
  /** True for a child that is not started again: a temporary one, or a transient one that ended well. */
  done: boolean;
}

/**
 * Starts processes and starts them again when they exit, by their policies and within a restart intensity.
 *
 * States: `running` → `failed` (too many restarts: every child was ended) | `closed`.
 */
export class Supervisor {
  readonly #router: A2ARouter;
  readonly #options: ResolvedSupervisorOptions;
  readonly #children: readonly Child[];
  readonly #byPid = new Map<Pid, Child>();
  readonly #restarts: number[] = [];
  readonly #stopListening: () => void;
  /** True while `one-for-all` is about to start all again; children that exit meanwhile are started with them. */
  #allDue = false;
  #state: 'running' | 'failed' | 'closed' = 'running';

  constructor(router: A2ARouter, options: SupervisorOptions) {
    this.#router = router;
    this.#options = resolveSupervisorOptions(options);
    this.#children = this.#options.children.map((spec) => ({ spec, pid: undefined, restarts: 0, done: false }));
    this.#stopListening = router.processTable.onExit((entry) => this.#exited(entry));
    for (const child of this.#children) this.#start(child);
  }

  /** State of the supervisor. */
  get state(): 'running' | 'failed' | 'closed' {
    return this.#state;
  }

  /** The children, in the order in which they are started. */
  get children(): SupervisedChild[] {
    return this.#children.map(({ spec: { id }, pid, restarts }) => ({ id, pid, restarts }));
  }

  /** Ends every child, the last one first, with exit code 0; idempotent. */
  close(): void {
    if (this.#state === 'closed') return;
    const running = this.#state === 'running';
    this.#state = 'closed';
    this.#stopListening();
    if (running) this.#endAll();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #start(child: Child): void {
    if (this.#state !== 'running') return;
    const { spec, inbox, start, id } = child.spec;
    const table = this.#router.processTable;
    let pid: Pid | undefined;
    const failed = (error: unknown): void => {
      this.#options.logger.error({ child: id, error: textOf(error) }, 'a child failed');
      if (pid !== undefined && child.pid === pid && table.get(pid)?.state !== 'exited')
        table.updateState(pid, 'exited', 1);
    };
    try {
      pid = table.insert(spec);
    } catch (error) {
      // without a process there is no exit that could be answered with a restart.
      this.#giveUp(toAgentwireError(error, 'ERR_HANDLER', `child ${JSON.stringify(id)} cannot be started`));
      return;
    }
    child.pid = pid;
    this.#byPid.set(pid, child);
    try {
      const result: unknown = start(this.#router.register(pid, inbox));
      if (isLater(result)) Promise.resolve(result).catch(failed);
    } catch (error) {
      failed(error);
    }
  }

  #exited({ pid, exitCode }: ProcessEntry): void {
    const child = this.#byPid.get(pid);
    if (child === undefined) return;
    this.#byPid.delete(pid);
    child.pid = undefined;
    if (this.#state !== 'running') return;
    const { restart = 'permanent', id } = child.spec;
    child.done = restart === 'temporary' || (restart === 'transient' && exitCode === 0);
    if (child.done || this.#allDue) return;
    if (!this.#mayRestart()) {
      const { maxRestarts, withinMs } = this.#options;
      this.#giveUp(
        new AgentwireError(
          'ERR_OVERLOADED',
          `child ${JSON.stringify(id)} exited, and there were ${maxRestarts} restarts within ${withinMs} ms already`,
          { detail: { child: id, maxRestarts, withinMs } },
        ),
      );
      return;
    }
    this.#options.logger.warn({ child: id, pid, exitCode }, 'a child exited and is started again');
    this.#allDue = this.#options.strategy === 'one-for-all';
    // later, so that everybody has been told of the exit, and a child that exits at once nests no calls.
    queueMicrotask(() => this.#restart(child));
  }

  #restart(child: Child): void {
    if (this.#state !== 'running') return;
    if (this.#options.strategy === 'one-for-one') {
      child.restarts += 1;
      this.#start(child);
      return;
    }
    this.#allDue = false;
    const again = this.#children.filter((one) => !one.done && one.spec.restart !== 'temporary');
    this.#endAll();
    for (const one of again) {
      if (one.pid !== undefined) continue;
      one.restarts += 1;
      this.#start(one);
    }
  }

  /** Counts a restart, unless there were too many in the time that counts. */
  #mayRestart(): boolean {
    const now = this.#options.clock.now();
    while ((this.#restarts[0] ?? Infinity) <= now - this.#options.withinMs) this.#restarts.shift();
    if (this.#restarts.length >= this.#options.maxRestarts) return false;
    this.#restarts.push(now);
    return true;
  }

  #giveUp(error: AgentwireError): void {
    if (this.#state !== 'running') return;
    this.#state = 'failed';
    this.#stopListening();
    this.#endAll();
    this.#options.logger.error({ error: error.message }, 'the supervisor gives up');
    try {
      this.#options.onGiveUp?.(error);
    } catch (problem) {
      this.#options.logger.error({ error: textOf(problem) }, 'onGiveUp failed');
    }
  }

  /** Ends every child without an answer to its exit. */
  #endAll(): void {
    const table = this.#router.processTable;
    for (const child of this.#children.toReversed()) {
      const { pid } = child;
      if (pid === undefined) continue;
      this.#byPid.delete(pid);
      child.pid = undefined;
      const state = table.get(pid)?.state;
      if (state !== undefined && state !== 'exited') table.updateState(pid, 'exited', 0);
    }
  }
}

/** Makes a {@link Supervisor} and starts its children. */
export function createSupervisor(router: A2ARouter, options: SupervisorOptions): Supervisor {
  return new Supervisor(router, options);
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
