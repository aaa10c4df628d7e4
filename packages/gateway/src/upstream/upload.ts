import type { BodyStream } from '@agentwire/pipeline/internal';

type Result = IteratorResult<Uint8Array, unknown>;

/** Beginning of a body that is kept for a second attempt, in bytes: what HTTP/2 sends before the upstream asks for more (RFC 9113 §6.9.2). */
const KEPT_BYTES = 65_535;

/**
 * Body for the upstream, with its progress for the deadlines and for a second attempt.
 *
 * A second iterator replaces the first: it starts over where the body can, or where its beginning was kept, and goes on where no chunk was
 * taken yet.
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
  /** Chunks that were taken; `undefined` where they are not kept. */
  #kept: Uint8Array[] | undefined;
  /** Bytes of the chunks that may still be kept; negative once a chunk did not fit. */
  #room = KEPT_BYTES;
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
    return this.#body.replayable === true || !this.#begun || (this.#kept !== undefined && this.#room >= 0);
  }

  /** Keeps the beginning from here on, for an upstream that may refuse the request unread. Nothing may have been taken. */
  keep(): void {
    if (!this.#begun && this.#body.replayable !== true) this.#kept = [];
  }

  /** Keeps no more: there will be no second attempt. */
  forget(): void {
    this.#room = -1;
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    this.#iterators += 1;
    const mine = this.#iterators;
    if (this.#begun && this.#kept === undefined) {
      this.#source = undefined;
      this.#pending = undefined;
    }
    // those of an attempt before are another connection's
    this.#taken = [];
    this.#takenBytes = 0;
    this.#source ??= this.#body[Symbol.asyncIterator]();
    const source = this.#source;
    let taken = 0;
    const nextKept = async (): Promise<Result> => {
      // what is pulled is kept before it is here
      const result = taken < (this.#kept?.length ?? 0) ? undefined : await this.#next(source);
      if (result?.done === true) return result;
      const value = this.#kept?.[taken] ?? result?.value;
      taken += 1;
      if (this.#room < 0 && taken >= (this.#kept?.length ?? 0)) this.#kept = undefined;
      return value === undefined ? { done: true, value } : { done: false, value };
    };
    return {
      next: () => (this.#kept === undefined ? this.#next(source) : nextKept()),
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
      if (result.done !== true && source === this.#source) {
        if (this.#kept === undefined) this.#take(result.value);
        else this.#keep(this.#kept, result.value);
      }
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

  #keep(kept: Uint8Array[], chunk: Uint8Array): void {
    if (this.#room < 0) return;
    this.#room -= chunk.byteLength;
    kept.push(chunk);
  }
}
