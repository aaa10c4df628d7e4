import { AgentwireError, type Decision } from '@agentwire/core';
import { checkInteger, checkKnownOptions } from '@agentwire/core/internal';
import type { IncomingBody, WholeBodyOptions } from '../handler/incoming.ts';
import { type Collector, HeapCollector, SpillCollector } from './collector.ts';
import { CONTINUE, type Reply, type Turns } from './turns.ts';

/** Longest body that is taken whole where nothing else is said, in bytes. */
const DEFAULT_WHOLE_BODY_LIMIT = 10_485_760;

/** A piece of a body as it came. */
export interface BodyPiece {
  readonly data: Uint8Array;
  readonly last: boolean;
  readonly truncated: boolean;
}

/** Hands the chunks of one body to the handler that reads it, and gives each its answer when it has been taken. */
export class BodyReader implements IncomingBody {
  truncated = false;
  readonly #turns: Turns;
  #used = false;
  #ended: boolean;
  #piece: Uint8Array | undefined;
  #error: AgentwireError | undefined;
  #wake: (() => void) | undefined;
  #collector: Collector | undefined;

  /** @param expected whether any chunk will come */
  constructor(turns: Turns, expected: boolean) {
    this.#turns = turns;
    this.#ended = !expected;
  }

  /** Whether chunks are this reader's to answer. */
  get used(): boolean {
    return this.#used;
  }

  /** Takes a chunk. @returns its answer @throws what the handler threw before it came */
  push(piece: BodyPiece): Decision | Promise<Reply> {
    if (this.#turns.settled) return this.#turns.wait();
    if (this.#piece !== undefined || this.#ended) {
      throw new AgentwireError(
        'ERR_PROTOCOL',
        'a body chunk came before the one in front of it was answered, or after the end',
      );
    }
    this.truncated = piece.truncated;
    const collected = this.#collector === undefined || this.#collect(this.#collector, piece.data);
    if (this.#collector !== undefined && collected && !piece.last) return CONTINUE;
    const answer = this.#turns.wait();
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

  /** Nothing more will come. */
  abort(error: AgentwireError): void {
    if (this.#ended) return;
    this.#error ??= error;
    this.#wake?.();
  }

  #begin(): void {
    if (this.#used)
      throw new AgentwireError('ERR_INVALID_STATE', 'the body has been read already; keep what you need of it');
    if (this.#turns.settled) {
      throw new AgentwireError(
        'ERR_INVALID_STATE',
        'the request has been decided already, so its body does not come; read it first',
      );
    }
    this.#used = true;
    if (!this.#ended && this.#piece === undefined) this.#turns.continue();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, undefined> {
    this.#begin();
    for (;;) {
      await this.#arrival();
      const piece = this.#piece;
      this.#piece = undefined;
      if (piece !== undefined && piece.byteLength > 0) yield piece;
      if (this.#ended) return;
      this.#turns.continue();
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

  /** The whole body. */
  async whole(options: WholeBodyOptions = {}): Promise<Uint8Array> {
    checkKnownOptions('bytes', options, ['limit', 'spill', 'allowTruncated']);
    const limit = checkInteger('limit of bytes', options.limit ?? DEFAULT_WHOLE_BODY_LIMIT, 0, Number.MAX_SAFE_INTEGER);
    this.#begin();
    const collector = options.spill === true ? this.#spill(limit) : new HeapCollector(limit);
    this.#collector = collector;
    this.#takeEarlyPiece(collector);
    await this.#arrival();
    if (this.truncated && options.allowTruncated !== true) {
      throw new AgentwireError('ERR_BODY_TOO_LARGE', 'the proxy cut the body short, so the whole of it is not known');
    }
    return collector.bytes();
  }

  #spill(limit: number): Collector {
    const collector = new SpillCollector(limit);
    // a handler whose time is over may still have native code read the view, which must not lose its memory meanwhile; of a
    // handler that never ends, the garbage collector gives it back
    this.#turns.onReturned = () => collector.release();
    return collector;
  }

  /** A proxy that does not wait for answers may have sent a piece before the handler asked for any. */
  #takeEarlyPiece(collector: Collector): void {
    const piece = this.#piece;
    this.#piece = undefined;
    if (piece !== undefined && this.#collect(collector, piece) && !this.#ended) this.#turns.continue();
  }
}
