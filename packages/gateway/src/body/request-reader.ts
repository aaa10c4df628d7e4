import type { IncomingMessage } from 'node:http';
import { AgentwireError } from '@agentwire/core';
import { BadRequest } from '../response/refusal.ts';
import type { Sweep, Watched } from '../sweep.ts';
import type { BufferedUpload } from './buffered-body.ts';

/** What a {@link RequestReader} needs to know besides the request. */
export interface RequestReaderOptions {
  /** Longest body, in bytes; past it reading fails with `ERR_BODY_TOO_LARGE`. */
  readonly maxBytes: number;
  /** Slowest rate, in bytes per second of the time in which a chunk is waited for; 0 for none. */
  readonly minBytesPerSecond: number;
  /** Looks at the rate. */
  readonly sweep: Sweep;
  /** Called before the first read: the client may wait for "100 Continue". */
  readonly onStart: () => void;
}

/** Time over which the rate of an upload is taken, in milliseconds. */
const RATE_WINDOW_MS = 10_000;

/** Bytes that count as progress of an upload: a few now and then do not keep it from being the slowest one. */
const PROGRESS_BYTES = 16_384;

/**
 * Pulls the body of a request, a chunk at a time, and stops reading from the client while nobody pulls.
 *
 * Unlike a stream's own iterator it never destroys the request: whoever stops early still answers on that socket.
 */
export class RequestReader implements AsyncIterableIterator<Uint8Array>, Watched, BufferedUpload {
  readonly #request: IncomingMessage;
  readonly #options: RequestReaderOptions;
  #attached = false;
  #ended = false;
  #error: unknown;
  #wake: (() => void) | undefined;
  /** One chunk, seldom more: what came before the pause. */
  readonly #chunks: Uint8Array[] = [];
  #waitingSince: number | undefined;
  /** Of the window in which the rate is taken: the time spent waiting, and the bytes before it. */
  #windowMs = 0;
  #windowBytes = 0;
  /** Since the last {@link PROGRESS_BYTES}: the time spent waiting, and the bytes before it. */
  #slowMs = 0;
  #slowBytes = 0;
  /** Time spent waiting for the client, in milliseconds, up to the last chunk. */
  waitedMs = 0;
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
      await this.#wait();
    }
  }

  async #wait(): Promise<void> {
    const { sweep } = this.#options;
    this.#waitingSince = sweep.now();
    await new Promise<void>((resolve) => (this.#wake = resolve));
    const waitedMs = sweep.now() - this.#waitingSince;
    this.#waitingSince = undefined;
    this.waitedMs += waitedMs;
    this.#windowMs += waitedMs;
    this.#slowMs += waitedMs;
  }

  check(now: number): void {
    if (this.#waitingSince === undefined) return;
    const waitedMs = this.#windowMs + now - this.#waitingSince;
    if (waitedMs < RATE_WINDOW_MS) return;
    const { minBytesPerSecond } = this.#options;
    if ((this.bytes - this.#windowBytes) * 1000 < minBytesPerSecond * waitedMs) {
      this.fail(new BadRequest(408, `the upload is slower than ${minBytesPerSecond} bytes per second`));
    }
    this.#windowMs = this.#waitingSince - now;
    this.#windowBytes = this.bytes;
  }

  /** Whether anything has come, or the end. */
  get begun(): boolean {
    return this.bytes > 0 || this.#chunks.length > 0 || this.#ended || this.#error !== undefined;
  }

  /** Ends reading with an error. */
  fail(error: unknown): void {
    this.#error ??= error;
    this.#notify();
  }

  /** Rate over the time in which the client was waited for. */
  get bytesPerSecond(): number {
    const since = this.#waitingSince;
    const waitedMs = this.waitedMs + (since === undefined ? 0 : this.#options.sweep.now() - since);
    return (this.bytes * 1000) / Math.max(waitedMs, 1);
  }

  /** Time of the clock since which the client, that is waited for, has sent less than {@link PROGRESS_BYTES}. */
  get stalledSince(): number | undefined {
    return this.#waitingSince === undefined ? undefined : this.#waitingSince - this.#slowMs;
  }

  /** Whether the client is waited for. */
  get waiting(): boolean {
    return this.#waitingSince !== undefined;
  }

  /** Reads no more; the rest of the body stays where it is. */
  return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#detach();
    return Promise.resolve({ done: true, value: undefined });
  }

  #counted(chunk: Uint8Array): Uint8Array {
    this.bytes += chunk.byteLength;
    if (this.bytes - this.#slowBytes >= PROGRESS_BYTES) {
      this.#slowBytes = this.bytes;
      this.#slowMs = 0;
    }
    const { maxBytes } = this.#options;
    if (this.bytes <= maxBytes) return chunk;
    this.#error = new AgentwireError('ERR_BODY_TOO_LARGE', `the request body is longer than ${maxBytes} bytes`);
    throw this.#error;
  }

  #attach(): void {
    this.#attached = true;
    this.#options.onStart();
    if (this.#options.minBytesPerSecond > 0) this.#options.sweep.add(this);
    const request = this.#request;
    if (request.readableEnded) this.#ended = true;
    else if (request.destroyed) this.#onClose();
    else request.on('data', this.#onData).on('end', this.#onEnd).on('error', this.#onClose).on('close', this.#onClose);
  }

  #detach(): void {
    this.#options.sweep.delete(this);
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
