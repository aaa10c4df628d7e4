/** Questions that wait for their answers, by small numbers that are used again. */
export class Slots<Answer> {
  readonly #waiting: ((answer: Answer) => void)[] = [];
  readonly #free: number[] = [];

  /** Waits for the answer to a question that `send` sends with the number it gets. */
  ask(send: (slot: number) => void): Promise<Answer> {
    return new Promise((resolve) => {
      const slot = this.#free.pop() ?? this.#waiting.length;
      this.#waiting[slot] = resolve;
      send(slot);
    });
  }

  /** Delivers an answer to its caller. */
  settle(slot: number, answer: Answer): void {
    this.#free.push(slot);
    this.#waiting[slot]?.(answer);
  }
}
