/** Those who wait until a session has nothing to do. */
export class IdleWaiters {
  #waiting: (() => void)[] = [];

  add(done: () => void): void {
    this.#waiting.push(done);
  }

  /** There is nothing to do now. Who waits anew meanwhile waits for the next time. */
  tell(): void {
    if (this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const done of waiting) done();
  }
}
