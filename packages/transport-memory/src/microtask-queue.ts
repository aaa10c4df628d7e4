/** Tasks in a row that run as microtasks; the next one waits for timers and sockets. */
const MICROTASKS_IN_A_ROW = 1000;

/**
 * Runs tasks after the caller is done, never inside it.
 *
 * Microtasks are quick, but two sides that answer each other without end would starve everything else, so every 1 000th task
 * waits for the event loop.
 */
export class MicrotaskQueue {
  #taken = 0;

  run(task: () => void): void {
    this.#taken += 1;
    if (this.#taken % MICROTASKS_IN_A_ROW === 0) setImmediate(task);
    else queueMicrotask(task);
  }
}
