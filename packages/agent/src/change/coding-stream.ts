import type { Transform } from 'node:stream';
import { AgentwireError } from '@agentwire/core';

/** Stream of node:zlib. */
type ZlibTransform = Transform & {
  flush?: (kind: number, done: () => void) => void;
  /** Bytes of the input that were used. */
  readonly bytesWritten?: number;
};

/** Stream of node:zlib that gives what belongs to a piece before it takes the next one. */
export class CodingStream {
  readonly #stream: ZlibTransform;
  readonly #flushKind: number | undefined;
  #error: Error | undefined;
  #ended = false;
  #written = 0;
  #wake: (() => void) | undefined;

  /** @param flushKind flush of an encoder, with which everything so far can be decoded */
  constructor(stream: Transform, flushKind?: number) {
    this.#stream = stream;
    this.#flushKind = flushKind;
    const wake = (): void => this.#wake?.();
    stream.on('readable', wake);
    stream.on('end', () => {
      this.#ended = true;
      wake();
    });
    stream.on('error', (error) => {
      this.#error = error;
      wake();
    });
  }

  /** Gives the output of one piece; see {@link unread}. */
  write(piece: Uint8Array): AsyncGenerator<Uint8Array, undefined> {
    this.#written += piece.byteLength;
    return this.#outputOf((done) => this.#stream.write(piece, done));
  }

  /** Bytes at the end of the last piece that a decoder has not used, because its data had ended before them. */
  get unread(): number {
    return this.#written - (this.#stream.bytesWritten ?? this.#written);
  }

  /** Gives what is buffered, so that the other side can decode everything so far. */
  flush(): AsyncGenerator<Uint8Array, undefined> {
    return this.#outputOf((done) => this.#stream.flush?.(this.#flushKind ?? 0, done));
  }

  /** Gives the rest. */
  end(): AsyncGenerator<Uint8Array, undefined> {
    return this.#outputOf(() => this.#stream.end());
  }

  async *#outputOf(start: (done: () => void) => void): AsyncGenerator<Uint8Array, undefined> {
    let isDone = false;
    start(() => {
      isDone = true;
      this.#wake?.();
    });
    for (;;) {
      if (this.#error !== undefined) throw notInItsCoding(this.#error.message, this.#error);
      const output = this.#stream.read() as Uint8Array | null;
      if (output !== null) yield output;
      // zlib may not call back for a write in which the data end
      else if (isDone || this.#ended) return;
      else await this.#change();
    }
  }

  #change(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    return promise;
  }

  /** Frees the memory of the coder. */
  destroy(): void {
    this.#stream.destroy();
  }
}

/** Creates the error of a body that cannot be decoded. The message of zlib names a state of the coder, never the data. */
export function notInItsCoding(why: string, cause?: Error): AgentwireError {
  return new AgentwireError('ERR_BODY_ENCODING', `the body is not in its content-encoding (${why})`, { cause });
}
