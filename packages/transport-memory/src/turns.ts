/** Turns in a row that are microtasks; then one lets timers and sockets in. */
const MICROTASKS_IN_A_ROW = 1000;

/**
 * Runs tasks after the caller is done, never inside it.
 *
 * Microtasks, since they are quick; but two sides that answer each other for ever would starve everything else, so
 * every 1 000th turn waits for the event loop.
 */
export class Turns {
  #taken = 0;

  run(task: () => void): void {
    this.#taken += 1;
    if (this.#taken % MICROTASKS_IN_A_ROW === 0) setImmediate(task);
    else queueMicrotask(task);
  }
}
