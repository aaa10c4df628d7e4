import type { BodyStream } from './upstream-request.ts';

type Result = IteratorResult<Uint8Array, unknown>;

/**
 * A body on its way to the upstream, and what the deadlines and a second attempt need to know of it.
 *
 * A second iterator takes the place of the first: it begins anew where the body can, else it goes on where nothing was
 * handed out yet.
 */
export class Upload implements AsyncIterable<Uint8Array> {
  readonly #body: BodyStream;
  readonly #onProgress: () => void;
  #source: AsyncIterator<Uint8Array> | undefined;
  #pending: Promise<Result> | undefined;
  #iterators = 0;
  #begun = false;
  /** Whether the next chunk is waited for: neither the upstream's time nor its fault. */
  pulling = false;

  constructor(body: BodyStream, onProgress: () => void) {
    this.#body = body;
    this.#onProgress = onProgress;
  }

  /** Whether it can be sent from its beginning. */
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
        // the one that took its place still reads
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
