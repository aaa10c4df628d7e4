import { ALLOW, AgentwireError, type Decision } from '@agentwire/core';
import { checkOptions, OPTION } from '@agentwire/core/internal';
import { decodedBody, decodedWhole } from '../change/content-coding.ts';
import type { DecodedOptions, HoldOptions, IncomingBody, WholeBodyOptions } from '../handler/incoming.ts';
import type { HandlerRun, Reply } from '../run/handler-run.ts';
import { type AnsweredMessage, BodyAnswers, type BodyPiece } from './body-answers.ts';
import { type Collector, HeapCollector, SpillCollector } from './collector.ts';
import { checkPreview, checkWholeOptions } from './read-options.ts';

/** Delivers the chunks of one body to the handler that reads it, and answers each when it has been taken. */
export class BodyReader implements IncomingBody {
  truncated = false;
  readonly answers: BodyAnswers;
  readonly #run: HandlerRun;
  #used = false;
  #consumed = false;
  #ended: boolean;
  /** Pieces of a preview that have been answered. */
  #early: Uint8Array[] = [];
  #piece: Uint8Array | undefined;
  #error: AgentwireError | undefined;
  #wake: (() => void) | undefined;
  #collector: Collector | undefined;

  constructor(run: HandlerRun, expected: boolean, message: AnsweredMessage) {
    this.#run = run;
    this.#ended = !expected;
    this.answers = new BodyAnswers(message);
  }

  /** `true` if the handler reads the body, so that this reader answers its chunks. */
  get used(): boolean {
    return this.#used;
  }

  /** `true` if nothing more arrives. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Takes a chunk and returns its answer. @throws the error that the handler failed with before */
  push(piece: BodyPiece): Decision | Promise<Reply> {
    if (this.#run.settled) {
      const reply = this.#run.wait();
      return reply instanceof Promise ? reply : this.answers.late(reply, piece.index, piece.data);
    }
    if (this.#piece !== undefined || this.#ended) {
      throw new AgentwireError(
        'ERR_PROTOCOL',
        'a body chunk arrived before the one in front of it was answered, or after the end',
      );
    }
    this.truncated = piece.truncated;
    const taken = this.#take(piece);
    if (this.#collector !== undefined && taken && !piece.last) return this.answers.more();
    const answer = this.#run.wait();
    this.#ended = piece.last;
    if (this.#collector === undefined) this.#piece = piece.data;
    this.#wake?.();
    return answer;
  }

  #take({ index, data }: BodyPiece): boolean {
    try {
      this.answers.received(index, data);
      this.#collector?.add(data);
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

  #begin({ hold = false }: HoldOptions = {}): void {
    if (this.#consumed)
      throw new AgentwireError('ERR_INVALID_STATE', 'the body has been read already; keep what you need of it');
    if (this.#run.settled) {
      throw new AgentwireError(
        'ERR_INVALID_STATE',
        'the request has been decided already, so its body does not arrive; read it first',
      );
    }
    if (hold && this.#used && this.answers.mode === 'pass')
      throw new AgentwireError('ERR_INVALID_STATE', 'the preview has passed already: preview(n, { hold: true })');
    this.#start(hold ? 'hold' : undefined);
  }

  #start(mode: 'hold' | 'change' | undefined): void {
    if (mode !== undefined) {
      this.answers.begin(mode);
      this.#run.finishBody = (decision) => this.answers.last(decision);
    }
    if (this.#used) return;
    this.#used = true;
    if (mode === 'hold' && this.#piece !== undefined) this.answers.keep(this.#piece);
    if (!this.#ended && this.#piece === undefined) this.#run.continue(this.answers.more());
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, undefined> {
    this.#begin();
    yield* this.#pieces();
  }

  /** Gives the pieces of a body that changes. */
  changing(): AsyncGenerator<Uint8Array, undefined> {
    this.#start('change');
    return this.#pieces();
  }

  async *#pieces(): AsyncGenerator<Uint8Array, undefined> {
    this.#consumed = true;
    yield* this.#early.splice(0);
    for (;;) {
      await this.#arrival();
      const piece = this.#piece;
      this.#piece = undefined;
      if (piece !== undefined && piece.byteLength > 0) yield piece;
      if (this.#ended) return;
      this.#run.continue(this.answers.more());
    }
  }

  /** Drops what has not been read of a body that changes. */
  async dropRest(): Promise<void> {
    while (!this.#ended) {
      this.#piece = undefined;
      this.#run.continue(this.answers.more());
      await this.#arrival();
    }
  }

  decoded(options: DecodedOptions = {}): AsyncIterable<Uint8Array> {
    checkOptions('decoded', options, { limit: OPTION.integer(0, Number.MAX_SAFE_INTEGER) });
    return decodedBody(this, this.answers.message.headers, options.limit);
  }

  async preview(bytes: number, options: HoldOptions = {}): Promise<Uint8Array> {
    checkPreview(bytes, options);
    this.#begin(options);
    await this.#arrival();
    const length = (): number => this.#early.reduce((sum, one) => sum + one.byteLength, this.#piece?.byteLength ?? 0);
    while (length() < bytes && !this.#ended) {
      if (this.#piece !== undefined) this.#early.push(this.#piece);
      this.#piece = undefined;
      this.#run.continue(this.answers.more());
      await this.#arrival();
    }
    return Buffer.concat(this.#piece === undefined ? this.#early : [...this.#early, this.#piece]).subarray(0, bytes);
  }

  skipRest(): void {
    this.#consumed = true;
    this.#run.settle(ALLOW);
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
    const limit = checkWholeOptions(options);
    this.#begin(options);
    this.#consumed = true;
    const collector = options.spill === true ? this.#spill(limit) : new HeapCollector(limit);
    this.#collector = collector;
    const arrived = this.#early.splice(0);
    const piece = this.#piece;
    this.#piece = undefined;
    // of a preview, or from a proxy that does not wait for answers
    for (const one of piece === undefined ? arrived : [...arrived, piece]) collector.add(one);
    if (piece !== undefined && !this.#ended) this.#run.continue(this.answers.more());
    await this.#arrival();
    if (this.truncated && options.allowTruncated !== true) {
      throw new AgentwireError('ERR_BODY_TOO_LARGE', 'the proxy truncated the body, so the whole of it is not known');
    }
    const bytes = collector.bytes();
    return options.decode === true ? decodedWhole(bytes, this.answers.message.headers, limit) : bytes;
  }

  #spill(limit: number): Collector {
    const collector = new SpillCollector(limit);
    // native code may still read the view of a handler that ran out of time, and must not lose its memory meanwhile; if the
    // handler never ends, the garbage collector frees it
    this.#run.onReturned = () => collector.release();
    return collector;
  }
}
