/**
 * Resources of a command, closed in reverse order however the command ends. A resource that stays open keeps the process
 * alive after an error, serving some requests and not others.
 */
export class Cleanup {
  readonly #tasks: (() => unknown)[] = [];

  /** Registers a function that closes a resource. */
  defer(task: () => unknown): void {
    this.#tasks.push(task);
  }

  /** Runs all functions, also after one fails. @throws the first error */
  async run(): Promise<void> {
    const errors: unknown[] = [];
    for (let task = this.#tasks.pop(); task !== undefined; task = this.#tasks.pop()) {
      try {
        await task();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  }
}
