import { AgentwireError, type Decision } from '@agentwire/core';
import { checkInteger, checkKnownOptions } from '@agentwire/core/internal';
import type { IncomingBody, WholeBodyOptions } from '../handler/incoming.ts';
import { CONTINUE, type HandlerRun, type Reply } from '../run/handler-run.ts';
import { type Collector, HeapCollector, SpillCollector } from './collector.ts';

/** Default limit of a body that is read whole, in bytes. */
const DEFAULT_WHOLE_BODY_LIMIT = 10_485_760;

/** Received piece of a body. */
export interface BodyPiece {
  readonly data: Uint8Array;
  readonly last: boolean;
  readonly truncated: boolean;
}

/** Delivers the chunks of one body to the handler that reads it, and answers each when it has been taken. */
export class BodyReader implements IncomingBody {
  truncated = false;
  readonly #run: HandlerRun;
  #used = false;
  #ended: boolean;
  #piece: Uint8Array | undefined;
  #error: AgentwireError | undefined;
  #wake: (() => void) | undefined;
  #collector: Collector | undefined;

  /** @param expected whether any chunk will arrive */
  constructor(run: HandlerRun, expected: boolean) {
    this.#run = run;
    this.#ended = !expected;
  }

  /** `true` if the handler reads the body, so that this reader answers its chunks. */
  get used(): boolean {
    return this.#used;
  }

  /** Takes a chunk and returns its answer. @throws the error that the handler failed with before */
  push(piece: BodyPiece): Decision | Promise<Reply> {
    if (this.#run.settled) return this.#run.wait();
    if (this.#piece !== undefined || this.#ended) {
      throw new AgentwireError(
        'ERR_PROTOCOL',
        'a body chunk arrived before the one in front of it was answered, or after the end',
      );
    }
    this.truncated = piece.truncated;
    const collected = this.#collector === undefined || this.#collect(this.#collector, piece.data);
    if (this.#collector !== undefined && collected && !piece.last) return CONTINUE;
    const answer = this.#run.wait();
    this.#ended = piece.last;
    if (this.#collector === undefined) this.#piece = piece.data;
    this.#wake?.();
    return answer;
  }

  #collect(collector: Collector, data: Uint8Array): boolean {
    try {
      collector.add(data);
      return true;
    } catch (error) {
      this.#error = error as AgentwireError;
      return false;
    }
  }

  /** Fails a body that has not ended: nothing more arrives. */
  abort(error: AgentwireError): void {
    if (this.#ended) return;
    this.#error ??= error;
    this.#wake?.();
  }

  #begin(): void {
    if (this.#used)
      throw new AgentwireError('ERR_INVALID_STATE', 'the body has been read already; keep what you need of it');
    if (this.#run.settled) {
      throw new AgentwireError(
        'ERR_INVALID_STATE',
        'the request has been decided already, so its body does not arrive; read it first',
      );
    }
    this.#used = true;
    if (!this.#ended && this.#piece === undefined) this.#run.continue();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, undefined> {
    this.#begin();
    for (;;) {
      await this.#arrival();
      const piece = this.#piece;
      this.#piece = undefined;
      if (piece !== undefined && piece.byteLength > 0) yield piece;
      if (this.#ended) return;
      this.#run.continue();
    }
  }

  async #arrival(): Promise<void> {
    while (this.#piece === undefined && !this.#ended && this.#error === undefined) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
    }
    if (this.#error !== undefined) throw this.#error;
  }

  /** Reads the whole body. @throws AgentwireError `ERR_BODY_TOO_LARGE` */
  async whole(options: WholeBodyOptions = {}): Promise<Uint8Array> {
    checkKnownOptions('bytes', options, ['limit', 'spill', 'allowTruncated']);
    const limit = checkInteger('limit of bytes', options.limit ?? DEFAULT_WHOLE_BODY_LIMIT, 0, Number.MAX_SAFE_INTEGER);
    this.#begin();
    const collector = options.spill === true ? this.#spill(limit) : new HeapCollector(limit);
    this.#collector = collector;
    this.#takeEarlyPiece(collector);
    await this.#arrival();
    if (this.truncated && options.allowTruncated !== true) {
      throw new AgentwireError('ERR_BODY_TOO_LARGE', 'the proxy truncated the body, so the whole of it is not known');
    }
    return collector.bytes();
  }

  #spill(limit: number): Collector {
    const collector = new SpillCollector(limit);
    // native code may still read the view of a handler that ran out of time, and must not lose its memory meanwhile; if the
    // handler never ends, the garbage collector frees it
    this.#run.onReturned = () => collector.release();
    return collector;
  }

  /** Collects a piece that arrived before the handler asked for any, from a proxy that does not wait for answers. */
  #takeEarlyPiece(collector: Collector): void {
    const piece = this.#piece;
    this.#piece = undefined;
    if (piece !== undefined && this.#collect(collector, piece) && !this.#ended) this.#run.continue();
  }
}
