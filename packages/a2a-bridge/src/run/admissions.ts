import { UnsupportedOperationError } from '@a2a-js/sdk/errors';
import { BridgeError } from '../bridge-error.ts';

/** Room for one message that is worked on. */
export interface Admission {
  /** True once a run has taken it over, which then gives it back. */
  readonly taken: boolean;
  /** Hands it to the run of a task, which takes no other message until then. */
  readonly take: (taskId: string) => void;
  /** Gives the room back; idempotent. */
  readonly release: () => void;
}

/** Counts what callers have at once: in all, for each caller, and one message at a time for each task. */
export class Admissions {
  readonly #what: string;
  readonly #max: number;
  readonly #maxPerCaller: number;
  readonly #byOwner = new Map<string, number>();
  /** Tasks that take no message, by {@link keyOf}. */
  readonly #tasks = new Set<string>();
  #count = 0;

  constructor(what: string, max: number, maxPerCaller: number) {
    this.#what = what;
    this.#max = max;
    this.#maxPerCaller = maxPerCaller;
  }

  /** Takes room. @throws `ERR_OVERLOADED`, or `UnsupportedOperationError` when the task is being worked on */
  admit(owner: string, taskId = ''): Admission {
    const own = this.#byOwner.get(owner) ?? 0;
    if (this.#count >= this.#max || own >= this.#maxPerCaller) {
      const limit =
        own >= this.#maxPerCaller ? `${this.#maxPerCaller} ${this.#what} of this caller` : `${this.#max} ${this.#what}`;
      throw new BridgeError('ERR_OVERLOADED', `there are ${limit} already; try again later`);
    }
    let task = taskId === '' ? undefined : this.#take(owner, taskId);
    this.#count += 1;
    this.#byOwner.set(owner, own + 1);
    let held = true;
    const admission = {
      taken: false,
      take: (runs: string) => {
        admission.taken = true;
        task = keyOf(owner, runs);
        this.#tasks.add(task);
      },
      release: () => {
        if (!held) return;
        held = false;
        this.#count -= 1;
        if (task !== undefined) this.#tasks.delete(task);
        const left = (this.#byOwner.get(owner) ?? 1) - 1;
        if (left === 0) this.#byOwner.delete(owner);
        else this.#byOwner.set(owner, left);
      },
    };
    return admission;
  }

  /** Keeps messages away from a task until the function that it gives back is called. @throws `UnsupportedOperationError` when one is worked on */
  hold(owner: string, taskId: string): () => void {
    const task = this.#take(owner, taskId);
    return () => this.#tasks.delete(task);
  }

  #take(owner: string, taskId: string): string {
    const task = keyOf(owner, taskId);
    if (this.#tasks.has(task))
      throw new UnsupportedOperationError('the task is being worked on; wait until it asks, or cancel it');
    this.#tasks.add(task);
    return task;
  }
}

/** Returns the key of a caller's task: one who names the task of another caller neither learns of it nor keeps anything away from it. */
const keyOf = (owner: string, taskId: string): string => JSON.stringify([owner, taskId]);
