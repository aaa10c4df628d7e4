import type { Transform } from 'node:stream';
import { AgentwireError } from '@agentwire/core';

/** Stream of node:zlib that gives what belongs to a piece before it takes the next one. */
export class CodingStream {
  readonly #stream: Transform & { flush?: (kind: number, done: () => void) => void };
  readonly #flushKind: number | undefined;
  #error: Error | undefined;
  #wake: (() => void) | undefined;

  /** @param flushKind flush of an encoder, with which everything so far can be decoded */
  constructor(stream: Transform, flushKind?: number) {
    this.#stream = stream;
    this.#flushKind = flushKind;
    const wake = (): void => this.#wake?.();
    stream.on('readable', wake);
    stream.on('end', wake);
    stream.on('error', (error) => {
      this.#error = error;
      wake();
    });
  }

  /** Gives the output of one piece. */
  write(piece: Uint8Array): AsyncGenerator<Uint8Array, undefined> {
    return this.#outputOf((done) => this.#stream.write(piece, done));
  }

  /** Gives what is buffered, so that the other side can decode everything so far. */
  flush(): AsyncGenerator<Uint8Array, undefined> {
    return this.#outputOf((done) => this.#stream.flush?.(this.#flushKind ?? 0, done));
  }

  /** Gives the rest. */
  end(): AsyncGenerator<Uint8Array, undefined> {
    return this.#outputOf((done) => {
      this.#stream.once('end', done);
      this.#stream.end();
    });
  }

  async *#outputOf(start: (done: () => void) => void): AsyncGenerator<Uint8Array, undefined> {
    let isDone = false;
    start(() => {
      isDone = true;
      this.#wake?.();
    });
    for (;;) {
      if (this.#error !== undefined) throw notInItsCoding(this.#error);
      const output = this.#stream.read() as Uint8Array | null;
      if (output !== null) yield output;
      else if (isDone) return;
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

/** The message of zlib names a state of the coder, never the data. */
function notInItsCoding(cause: Error): AgentwireError {
  return new AgentwireError('ERR_BODY_ENCODING', `the body is not in its content-encoding (${cause.message})`, {
    cause,
  });
}
