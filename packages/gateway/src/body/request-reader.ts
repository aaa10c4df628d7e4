import { AgentwireError } from '@agentwire/core';
import { freeMemory } from '@agentwire/core/internal';
import { type BodySource, type BufferedUpload, ChunkQueue, JOINED_BYTES } from '@agentwire/pipeline/internal';
import type { ClientRequest } from '../client-messages.ts';
import { BadRequest } from '../response/refusal.ts';
import type { Deadlines, Watched } from '../deadlines.ts';

/** Collaborators and limits of a {@link RequestReader}. */
export interface RequestReaderDeps {
  /** Longest body, in bytes; past it reading fails with `ERR_BODY_TOO_LARGE`. */
  readonly maxBytes: number;
  /** Slowest rate, in bytes per second of the time in which a chunk is waited for; 0 for none. */
  readonly minBytesPerSecond: number;
  /** Checks the rate. */
  readonly deadlines: Deadlines;
  /** Called before the first read: the client may wait for "100 Continue". */
  readonly onStart: () => void;
  /**
   * Set where nothing else has the chunks of the request: its server is the gateway's own, whose parser copies each chunk into a
   * memory of its own. In another server, listeners may have them too, and so may a client in this process.
   */
  readonly ownsChunks: boolean;
}

/** Time over which the rate of an upload is measured, in milliseconds. */
const RATE_WINDOW_MS = 10_000;

/** Bytes that are read ahead, with at most one more read of the connection: the next chunks come while one is sent. */
const READ_AHEAD_BYTES = 131_072;

/** Bytes that count as progress of an upload: fewer do not save a slow one from eviction. */
const PROGRESS_BYTES = 16_384;

/**
 * Reads the body of a request chunk by chunk, and ahead from the first call on.
 *
 * Unlike the iterator of the stream, it never destroys the request: an early answer still needs its socket.
 */
export class RequestReader implements AsyncIterableIterator<Uint8Array>, BodySource, Watched, BufferedUpload {
  readonly #request: ClientRequest;
  readonly #options: RequestReaderDeps;
  #attached = false;
  #ended = false;
  #error: unknown;
  #wake: (() => void) | undefined;
  /** Chunks that wait to be taken. */
  readonly #chunks = new ChunkQueue();
  /** Chunks that were taken whose memory nothing else has: joined ones, and those of the request with `ownsChunks`. */
  readonly #own = new WeakSet<Uint8Array>();
  #maxAheadBytes = READ_AHEAD_BYTES;
  #paused = true;
  #waitingSince: number | undefined;
  /** Current window of the rate: the time spent waiting, and the bytes before it. */
  #windowMs = 0;
  #windowBytes = 0;
  /** Since the last {@link PROGRESS_BYTES}: the time spent waiting, and the bytes before it. */
  #slowMs = 0;
  #slowBytes = 0;
  /** Time spent waiting for the client, in milliseconds, up to the last chunk. */
  waitedMs = 0;
  /** Bytes read so far. */
  bytes = 0;

  constructor(request: ClientRequest, options: RequestReaderDeps) {
    this.#request = request;
    this.#options = options;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Error that ended reading. */
  get error(): unknown {
    return this.#error;
  }

  /** Reads the next chunk. @throws AgentwireError `ERR_BODY_TOO_LARGE`, `ERR_ABORTED` when the client left */
  next(): Promise<IteratorResult<Uint8Array, undefined>> {
    return this.#next(0);
  }

  /** Reads the chunks that have come, small ones as one. @throws AgentwireError like {@link next} */
  nextJoined(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#maxAheadBytes = JOINED_BYTES;
    return this.#next(JOINED_BYTES);
  }

  async #next(maxBytes: number): Promise<IteratorResult<Uint8Array, undefined>> {
    if (!this.#attached) this.#attach();
    for (;;) {
      if (this.#error !== undefined) throw this.#error;
      const chunk = this.#take(maxBytes);
      if (this.#paused && !this.#ended && this.#chunks.bytes < this.#maxAheadBytes) this.#resume();
      if (chunk !== undefined) return { done: false, value: this.#counted(chunk) };
      if (this.#ended) return this.return();
      await this.#wait();
    }
  }

  #take(maxBytes: number): Uint8Array | undefined {
    const chunks = this.#chunks.take(maxBytes);
    const { ownsChunks } = this.#options;
    const [first] = chunks;
    if (chunks.length <= 1) {
      if (ownsChunks && first !== undefined) this.#own.add(first);
      return first;
    }
    const joined = Buffer.concat(chunks);
    this.#own.add(joined);
    // left to the collector, each 16 MiB of them had it go through the whole heap: a third of the gateway's time for an upload
    if (ownsChunks) for (const chunk of chunks) freeMemory(chunk);
    return joined;
  }

  release(chunk: Uint8Array): void {
    if (this.#own.delete(chunk)) freeMemory(chunk);
  }

  #resume(): void {
    this.#paused = false;
    this.#request.resume();
  }

  async #wait(): Promise<void> {
    const { deadlines } = this.#options;
    this.#waitingSince = deadlines.now();
    await new Promise<void>((resolve) => (this.#wake = resolve));
    const waitedMs = deadlines.now() - this.#waitingSince;
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

  /** `true` once a chunk or the end has come. */
  get begun(): boolean {
    return this.bytes > 0 || !this.#chunks.isEmpty || this.#ended || this.#error !== undefined;
  }

  /** Ends reading with an error. */
  fail(error: unknown): void {
    this.#error ??= error;
    this.#notify();
  }

  /** Average rate of the time in which the client was waited for. */
  get bytesPerSecond(): number {
    const since = this.#waitingSince;
    const waitedMs = this.waitedMs + (since === undefined ? 0 : this.#options.deadlines.now() - since);
    return (this.bytes * 1000) / Math.max(waitedMs, 1);
  }

  /** Time of the clock since which the client, that is waited for, has sent less than {@link PROGRESS_BYTES}. */
  get stalledSince(): number | undefined {
    return this.#waitingSince === undefined ? undefined : this.#waitingSince - this.#slowMs;
  }

  /** `true` while the client is waited for. */
  get waiting(): boolean {
    return this.#waitingSince !== undefined;
  }

  /** Stops reading; the rest of the body is discarded as it comes, or a paused request would hold the next ones of its connection. */
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
    if (this.#options.minBytesPerSecond > 0) this.#options.deadlines.add(this);
    const request = this.#request;
    if (request.readableEnded) this.#ended = true;
    else if (request.destroyed) this.#onClose();
    else request.on('data', this.#onData).on('end', this.#onEnd).on('error', this.#onClose).on('close', this.#onClose);
  }

  #detach(): void {
    // most requests have no body, and their listeners are not worth the search
    if (!this.#attached) return;
    this.#options.deadlines.delete(this);
    this.#request.off('data', this.#onData).off('end', this.#onEnd).off('close', this.#onClose);
    this.#chunks.clear();
    if (this.#paused && !this.#ended) this.#resume();
    // the error listener stays: the client may still leave, and an error without a listener ends the process
  }

  #notify(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  readonly #onData = (chunk: Uint8Array): void => {
    this.#chunks.add(chunk);
    if (this.#chunks.bytes >= this.#maxAheadBytes) {
      this.#paused = true;
      this.#request.pause();
    }
    this.#notify();
  };

  readonly #onEnd = (): void => {
    this.#ended = true;
    this.#notify();
  };

  readonly #onClose = (): void => {
    if (!this.#ended) this.#error ??= new AgentwireError('ERR_ABORTED', 'the client left within its body');
    this.#notify();
  };
}
