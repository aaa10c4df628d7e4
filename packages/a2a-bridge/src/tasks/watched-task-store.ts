import { setImmediate } from 'node:timers/promises';
import type { ListTasksRequest, ListTasksResponse, Task } from '@a2a-js/sdk';
import type { ServerCallContext, TaskStore } from '@a2a-js/sdk/server';
import { type AgentwireError, toAgentwireError } from '@agentwire/core';

/** Told that a task could not be kept. */
export type NotKept = (taskId: string, error: AgentwireError) => void;

/** Task store of a bridge: what cannot be kept is not worked on either, and closing waits until everything is kept. */
export class WatchedTaskStore implements TaskStore {
  readonly #store: TaskStore;
  readonly #notKept: NotKept;
  readonly #pending = new Set<Promise<unknown>>();

  constructor(store: TaskStore, notKept: NotKept) {
    this.#store = store;
    this.#notKept = notKept;
  }

  load(taskId: string, context: ServerCallContext): Promise<Task | undefined> {
    return this.#watch(this.#store.load(taskId, context));
  }

  list(params: ListTasksRequest, context: ServerCallContext): Promise<ListTasksResponse> {
    return this.#watch(this.#store.list(params, context));
  }

  save(task: Task, context: ServerCallContext): Promise<void> {
    return this.#watch(this.#save(task, context));
  }

  /** Resolves once nothing is being read or written. */
  async idle(): Promise<void> {
    do {
      await Promise.allSettled(this.#pending);
      // what follows a read, such as the write of the same task, has begun by then
      await setImmediate();
    } while (this.#pending.size > 0);
  }

  async #save(task: Task, context: ServerCallContext): Promise<void> {
    try {
      await this.#store.save(task, context);
    } catch (error) {
      this.#notKept(task.id, toAgentwireError(error, 'ERR_IO', 'the task could not be kept'));
      throw error;
    }
  }

  #watch<T>(work: Promise<T>): Promise<T> {
    this.#pending.add(work);
    const forget = (): void => void this.#pending.delete(work);
    work.then(forget, forget);
    return work;
  }
}
