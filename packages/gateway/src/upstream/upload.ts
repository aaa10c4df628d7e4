import type { BodyStream } from '@agentwire/pipeline/internal';

type Result = IteratorResult<Uint8Array, unknown>;

/**
 * Body for the upstream, with its progress for the deadlines and for a second attempt.
 *
 * A second iterator replaces the first: it starts over where the body can, or goes on where no chunk was taken yet.
 */
export class Upload implements AsyncIterable<Uint8Array> {
  readonly #body: BodyStream;
  readonly #onProgress: () => void;
  #source: AsyncIterator<Uint8Array> | undefined;
  #pending: Promise<Result> | undefined;
  #iterators = 0;
  #begun = false;
  /** `true` while the next chunk is waited for, which is not the upstream's time. */
  pulling = false;

  constructor(body: BodyStream, onProgress: () => void) {
    this.#body = body;
    this.#onProgress = onProgress;
  }

  /** `true` where it can be sent from its start. */
  get replayable(): boolean {
    return this.#body.replayable === true || !this.#begun;
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    this.#iterators += 1;
    const mine = this.#iterators;
    if (this.#begun) {
      this.#source = undefined;
      this.#pending = undefined;
    }
    this.#source ??= this.#body[Symbol.asyncIterator]();
    const source = this.#source;
    return {
      next: () => this.#next(source),
      return: async () => {
        // its replacement still reads
        if (mine === this.#iterators) await source.return?.();
        return { done: true, value: undefined };
      },
    };
  }

  #next(source: AsyncIterator<Uint8Array>): Promise<Result> {
    this.#pending ??= this.#pull(source);
    return this.#pending;
  }

  async #pull(source: AsyncIterator<Uint8Array>): Promise<Result> {
    this.pulling = true;
    try {
      return await source.next();
    } finally {
      if (source === this.#source) {
        this.#pending = undefined;
        this.#begun = true;
        this.pulling = false;
        this.#onProgress();
      }
    }
  }
}
