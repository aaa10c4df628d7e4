import type { IncomingMessage } from 'node:http';
import { AgentwireError } from '@agentwire/core';

/** What a {@link RequestReader} needs to know besides the request. */
export interface RequestReaderOptions {
  /** Longest body, in bytes; past it reading fails with `ERR_BODY_TOO_LARGE`. */
  readonly maxBytes: number;
  /** Called before the first read: the client may wait for "100 Continue". */
  readonly onStart: () => void;
}

/**
 * Pulls the body of a request, a chunk at a time, and stops reading from the client while nobody pulls.
 *
 * Unlike a stream's own iterator it never destroys the request: whoever stops early still answers on that socket.
 */
export class RequestReader implements AsyncIterableIterator<Uint8Array> {
  readonly #request: IncomingMessage;
  readonly #options: RequestReaderOptions;
  #attached = false;
  #ended = false;
  #error: unknown;
  #wake: (() => void) | undefined;
  /** One chunk, seldom more: what came before the pause. */
  readonly #chunks: Uint8Array[] = [];
  /** Bytes read so far. */
  bytes = 0;

  constructor(request: IncomingMessage, options: RequestReaderOptions) {
    this.#request = request;
    this.#options = options;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Why reading has failed, if it has. */
  get error(): unknown {
    return this.#error;
  }

  /** The next chunk. @throws AgentwireError `ERR_BODY_TOO_LARGE`, `ERR_ABORTED` when the client went away */
  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (!this.#attached) this.#attach();
    for (;;) {
      if (this.#error !== undefined) throw this.#error;
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) return { done: false, value: this.#counted(chunk) };
      if (this.#ended) return this.return();
      this.#request.resume();
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  /** Reads no more; the rest of the body stays where it is. */
  return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#detach();
    return Promise.resolve({ done: true, value: undefined });
  }

  #counted(chunk: Uint8Array): Uint8Array {
    this.bytes += chunk.byteLength;
    const { maxBytes } = this.#options;
    if (this.bytes <= maxBytes) return chunk;
    this.#error = new AgentwireError('ERR_BODY_TOO_LARGE', `the request body is longer than ${maxBytes} bytes`);
    throw this.#error;
  }

  #attach(): void {
    this.#attached = true;
    this.#options.onStart();
    const request = this.#request;
    if (request.readableEnded) this.#ended = true;
    else if (request.destroyed) this.#onClose();
    else request.on('data', this.#onData).on('end', this.#onEnd).on('error', this.#onClose).on('close', this.#onClose);
  }

  #detach(): void {
    this.#request.off('data', this.#onData).off('end', this.#onEnd).off('close', this.#onClose);
    this.#chunks.length = 0;
    // the listener for errors stays: a client may still break off, and an error without listener ends the process
  }

  #notify(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  readonly #onData = (chunk: Uint8Array): void => {
    this.#chunks.push(chunk);
    this.#request.pause();
    this.#notify();
  };

  readonly #onEnd = (): void => {
    this.#ended = true;
    this.#notify();
  };

  readonly #onClose = (): void => {
    if (!this.#ended) this.#error ??= new AgentwireError('ERR_ABORTED', 'the client went away within its body');
    this.#notify();
  };
}
