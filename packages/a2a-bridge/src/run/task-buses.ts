import { setMaxListeners } from 'node:events';
import { DefaultExecutionEventBus, type ExecutionEventBus, type ExecutionEventBusManager } from '@a2a-js/sdk/server';

/** Event buses by task. Task ids are unique and checked against their owner before; nothing stays behind for a caller or a task that is over. */
export class TaskBuses implements ExecutionEventBusManager {
  readonly #buses = new Map<string, ExecutionEventBus>();

  /** Buses that exist. */
  get size(): number {
    return this.#buses.size;
  }

  createOrGetByTaskId(taskId: string): ExecutionEventBus {
    const known = this.#buses.get(taskId);
    if (known !== undefined) return known;
    const bus = new DefaultExecutionEventBus();
    // each stream of a task listens, and streams are bounded: many are no leak that node has to warn of
    setMaxListeners(0, bus);
    this.#buses.set(taskId, bus);
    return bus;
  }

  getByTaskId(taskId: string): ExecutionEventBus | undefined {
    return this.#buses.get(taskId);
  }

  cleanupByTaskId(taskId: string): void {
    this.#buses.get(taskId)?.removeAllListeners();
    this.#buses.delete(taskId);
  }
}
