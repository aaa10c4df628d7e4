import { AgentwireError, type Decision } from '@agentwire/core';
import { checkOptions, OPTION } from '@agentwire/core/internal';
import { codingsOf, decodedBody, decodedWhole } from '../change/content-coding.ts';
import type { DecodedOptions, HoldOptions, IncomingBody, WholeBodyOptions } from '../handler/incoming.ts';
import type { HandlerRun, Reply } from '../run/handler-run.ts';
import { Arrivals } from './arrivals.ts';
import { type AnsweredMessage, BodyAnswers, type BodyPiece } from './body-answers.ts';
import { type Collector, HeapCollector, SpillCollector } from './collector.ts';
import { checkPreview, checkWholeOptions } from './read-options.ts';

/** Delivers the chunks of one body to the handler that reads it, and answers each when it has been taken. */
export class BodyReader implements IncomingBody {
  truncated = false;
  readonly answers: BodyAnswers;
  readonly #run: HandlerRun;
  readonly #freesGiven: boolean;
  readonly #arrivals: Arrivals;
  #used = false;
  #consumed = false;
  #collector: Collector | undefined;

  /** @param freesGiven whether a piece that the handler was given is freed when it asks for the next one */
  constructor(run: HandlerRun, expected: boolean, message: AnsweredMessage, freesGiven: boolean) {
    this.#run = run;
    this.#arrivals = new Arrivals(!expected);
    this.#freesGiven = freesGiven;
    this.answers = new BodyAnswers(message);
  }

  /** `true` if the handler reads the body, so that this reader answers its chunks. */
  get used(): boolean {
    return this.#used;
  }

  /** `true` if nothing more arrives. */
  get ended(): boolean {
    return this.#arrivals.ended;
  }

  /** Takes a chunk and returns its answer. @throws the error that the handler failed with before */
  push(piece: BodyPiece): Decision | Promise<Reply> {
    if (this.#run.settled) {
      const reply = this.#run.wait();
      return reply instanceof Promise ? reply : this.answers.late(reply, piece.index, piece.data);
    }
    this.#arrivals.check();
    this.truncated = piece.truncated;
    const taken = this.#take(piece);
    if (this.#collector !== undefined && taken && !piece.last) return this.answers.more();
    const answer = this.#run.wait();
    this.#arrivals.add(piece, this.#collector !== undefined);
    return answer;
  }

  #take({ index, data }: BodyPiece): boolean {
    try {
      this.answers.received(index, data);
      this.#collector?.add(data);
      return true;
    } catch (error) {
      this.#arrivals.fail(error as AgentwireError);
      return false;
    }
  }

  /** Fails a body that has not ended: nothing more arrives. */
  abort(error: AgentwireError): void {
    if (!this.ended) this.#arrivals.fail(error);
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
    const { piece } = this.#arrivals;
    if (mode === 'hold' && piece !== undefined) this.answers.keep(piece);
    if (!this.ended && piece === undefined) this.#run.continue(this.answers.more());
  }

  [Symbol.asyncIterator](): AsyncGenerator<Uint8Array, undefined> {
    return this.#read(this.#freesGiven);
  }

  async *#read(frees: boolean): AsyncGenerator<Uint8Array, undefined> {
    this.#begin();
    yield* this.#pieces(frees);
  }

  /** Gives the pieces of a body that changes. @param frees whether one is freed when the next is asked for */
  changing(frees: boolean): AsyncGenerator<Uint8Array, undefined> {
    this.#start('change');
    return this.#pieces(frees);
  }

  async *#pieces(frees: boolean): AsyncGenerator<Uint8Array, undefined> {
    this.#consumed = true;
    yield* this.#arrivals.takeEarly();
    for (;;) {
      await this.#arrivals.wait();
      const piece = this.#arrivals.take();
      if (piece !== undefined && piece.byteLength > 0) {
        yield piece;
        if (frees) this.answers.free(piece);
      }
      if (this.ended) return;
      this.#run.continue(this.answers.more());
    }
  }

  /** Drops what has not been read of a body that changes. */
  async dropRest(): Promise<void> {
    while (!this.ended) {
      this.#arrivals.take();
      this.#run.continue(this.answers.more());
      await this.#arrivals.wait();
    }
  }

  decoded(options: DecodedOptions = {}): AsyncIterable<Uint8Array> {
    checkOptions('decoded', options, { limit: OPTION.integer(0, Number.MAX_SAFE_INTEGER) });
    const { headers } = this.answers.message;
    // pieces that only a decoder is given are freed
    const encoded = { [Symbol.asyncIterator]: () => this.#read(this.#freesGiven || codingsOf(headers).length > 0) };
    return decodedBody(encoded, headers, options.limit);
  }

  async preview(bytes: number, options: HoldOptions = {}): Promise<Uint8Array> {
    checkPreview(bytes, options);
    this.#begin(options);
    const arrivals = this.#arrivals;
    await arrivals.wait();
    while (arrivals.bytes < bytes && !this.ended) {
      arrivals.keep();
      this.#run.continue(this.answers.more());
      await arrivals.wait();
    }
    return Buffer.concat(arrivals.all).subarray(0, bytes);
  }

  skipRest(): void {
    this.#consumed = true;
    this.#run.skip();
  }

  /** Reads the whole body. @throws AgentwireError `ERR_BODY_TOO_LARGE` */
  async whole(options: WholeBodyOptions = {}): Promise<Uint8Array> {
    const limit = checkWholeOptions(options);
    this.#begin(options);
    this.#consumed = true;
    const free = (data: Uint8Array): void => this.answers.free(data);
    const collector = options.spill === true ? this.#spill(limit, free) : new HeapCollector(limit, free);
    this.#collector = collector;
    // of a preview, or from a proxy that does not wait for answers
    for (const one of this.#arrivals.takeEarly()) collector.add(one);
    const piece = this.#arrivals.take();
    if (piece !== undefined) collector.add(piece);
    if (piece !== undefined && !this.ended) this.#run.continue(this.answers.more());
    await this.#arrivals.wait();
    if (this.truncated && options.allowTruncated !== true) {
      throw new AgentwireError('ERR_BODY_TOO_LARGE', 'the proxy truncated the body, so the whole of it is not known');
    }
    const bytes = collector.bytes();
    return options.decode === true ? decodedWhole(bytes, this.answers.message.headers, limit) : bytes;
  }

  #spill(limit: number, free: (data: Uint8Array) => void): Collector {
    const collector = new SpillCollector(limit, free);
    // native code may still read the view of a handler that ran out of time, and must not lose its memory meanwhile; if the
    // handler never ends, the garbage collector frees it
    this.#run.onReturned = () => collector.release();
    return collector;
  }

  /** Reads the whole body as UTF-8 text, and frees its bytes. @throws AgentwireError `ERR_BODY_TOO_LARGE` */
  async text(options?: WholeBodyOptions): Promise<string> {
    const bytes = await this.whole(options);
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
    // one piece is the piece itself, which an answer may carry
    this.#collector?.freeCopy?.();
    if (options?.spill !== true) this.answers.free(bytes);
    return text;
  }
}
