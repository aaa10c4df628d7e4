import { AgentwireError } from '@agentwire/core';

/** Parts of one streamed answer as they come from another node: in order, none missing, and no more than there is room for. */
export class AnswerParts {
  readonly #window: number;
  #taken = 0;
  #read = 0;
  #told = 0;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(window: number) {
    this.#window = window;
  }

  /** Takes the place of a part or of the end; throws for one that is not the next, or that there is no room for. */
  take(place: number | undefined, isPart: boolean): void {
    const next = this.#taken + 1;
    if (place === undefined || place < next)
      throw new AgentwireError('ERR_PROTOCOL', `part ${next} of an answer was expected, and not ${place}`);
    if (place > next) {
      throw new AgentwireError('ERR_CLOSED', `${place - next} parts of the answer were lost between the nodes`, {
        detail: { expected: next, got: place },
      });
    }
    if (isPart && place - this.#read > this.#window) {
      throw new AgentwireError('ERR_PROTOCOL', `another node sent more parts than the ${this.#window} it was given`, {
        detail: { window: this.#window },
      });
    }
    this.#taken = place;
  }

  /** Does one thing after the other, so that no part overtakes one that a gate still thinks about. */
  inTurn(work: () => Promise<void> | void): void {
    // `work` does not reject
    this.#turn = this.#turn.then(work);
  }

  /** Notes that a part was read; gives the count that the writer is to be told, each half of the window. */
  partRead(): number | undefined {
    this.#read += 1;
    if (this.#read - this.#told < Math.ceil(this.#window / 2)) return undefined;
    this.#told = this.#read;
    return this.#read;
  }
}
