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
  readonly #unsentBytes: () => number;
  #source: AsyncIterator<Uint8Array> | undefined;
  #pending: Promise<Result> | undefined;
  #iterators = 0;
  #begun = false;
  /** Chunks that the connection may still have to write, oldest first. */
  #taken: Uint8Array[] = [];
  #takenBytes = 0;
  /** `true` while the next chunk is waited for, which is not the upstream's time. */
  pulling = false;

  /** @param unsentBytes returns the bytes that the connection has still to write; `Infinity` where that is unknown */
  constructor(body: BodyStream, onProgress: () => void, unsentBytes: () => number) {
    this.#body = body;
    this.#onProgress = onProgress;
    this.#unsentBytes = unsentBytes;
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
    // those of an attempt before are another connection's
    this.#taken = [];
    this.#takenBytes = 0;
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
    this.#releaseSent();
    this.pulling = true;
    try {
      const result = await source.next();
      if (result.done !== true && source === this.#source) this.#take(result.value);
      return result;
    } finally {
      if (source === this.#source) {
        this.#pending = undefined;
        this.#begun = true;
        this.pulling = false;
        this.#onProgress();
      }
    }
  }

  #take(chunk: Uint8Array): void {
    if (this.#body.release === undefined || this.#unsentBytes() === Infinity) return;
    this.#taken.push(chunk);
    this.#takenBytes += chunk.byteLength;
  }

  /** Releases the chunks in front of the last bytes that the connection has still to write. */
  #releaseSent(): void {
    const unsentBytes = this.#taken.length === 0 ? Infinity : this.#unsentBytes();
    for (let [chunk] = this.#taken; chunk !== undefined; [chunk] = this.#taken) {
      if (this.#takenBytes - chunk.byteLength < unsentBytes) return;
      this.#taken.shift();
      this.#takenBytes -= chunk.byteLength;
      this.#body.release?.(chunk);
    }
  }
}
