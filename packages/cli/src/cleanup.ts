/**
 * What a command has opened: ended in the reverse order, however the command ends. One that is left open keeps the process
 * alive after its error, answering some and not others.
 */
export class Cleanup {
  readonly #tasks: (() => unknown)[] = [];

  /** Notes how something that is open now is ended. */
  defer(task: () => unknown): void {
    this.#tasks.push(task);
  }

  /** Ends everything, also past one that fails. @throws the first error */
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
