import { AgentwireError } from '@agentwire/core';
import { checkInteger, checkKnownOptions } from '@agentwire/core/internal';
import { readFailure } from '../message/reply.ts';
import { Ring } from '../inbox/ring.ts';
import type { KernelMessage } from '../message/message.ts';
import type { PendingRequest } from './pending-request.ts';
import { ask, type RequestOptions, type RequestDeps } from './request.ts';
import { requestOver } from './request-signals.ts';
import { StreamWindow } from './stream-window.ts';

/** Options of a streamed answer. */
export interface StreamOptions extends RequestOptions {
  /** Parts that may be in flight or unread at once, 1 to 10 000; the writer waits beyond that. Default 16. */
  readonly window?: number | undefined;
}

type Result = IteratorResult<KernelMessage, undefined>;
interface Reader {
  readonly resolve: (result: Result) => void;
  readonly reject: (error: AgentwireError) => void;
}

const DONE: Result = Object.freeze({ done: true, value: undefined });
const MANY: ReadonlySet<string> = new Set(['topic', 'broadcast']);

/** Parts of one answer as they come, in the order in which they were written. */
export class AnswerStream implements AsyncIterableIterator<KernelMessage, undefined> {
  readonly #parts = new Ring<KernelMessage>();
  readonly #readers = new Ring<Reader>();
  readonly #window: StreamWindow;
  readonly #end: (error: AgentwireError) => void;
  readonly #partRead: (messageId: string) => void;
  #finished = false;
  #failure: AgentwireError | undefined;

  private constructor(
    window: StreamWindow,
    end: (error: AgentwireError) => void,
    partRead: (messageId: string) => void,
  ) {
    this.#window = window;
    this.#end = end;
    this.#partRead = partRead;
  }

  /** Sends a request whose answer comes in parts; throws for options and targets that cannot be. */
  static request(deps: RequestDeps, message: KernelMessage, options: StreamOptions = {}): AnswerStream {
    checkKnownOptions('requestStream', options, ['timeoutMs', 'signal', 'window']);
    const { window: size = 16 } = options;
    const window = new StreamWindow(checkInteger('window', size, 1, 10_000));
    const { kind } = Object(message.target ?? {}) as Partial<KernelMessage['target']>;
    if (kind !== undefined && MANY.has(kind))
      throw new AgentwireError('ERR_INVALID_ARGUMENT', `a stream has one writer, so its target is no ${kind}`);
    let waiting: PendingRequest | undefined;
    const end = (error: AgentwireError): void => {
      if (waiting !== undefined) deps.pending.end(waiting, error);
    };
    const stream = new AnswerStream(window, end, deps.partRead);
    waiting = ask(
      deps,
      message,
      options,
      'stream',
      { onReply: (reply) => stream.#take(reply), onEnd: (error) => stream.#fail(error) },
      window,
    );
    return stream;
  }

  /** The next part; `done` after the end. Rejects with the code of what ended the stream early, after the parts that came before. */
  next(): Promise<Result> {
    const part = this.#parts.shift();
    if (part !== undefined) {
      this.#read(part);
      return Promise.resolve({ done: false, value: part });
    }
    const failure = this.#failure;
    if (failure !== undefined) {
      this.#failure = undefined;
      return Promise.reject(failure);
    }
    if (this.#finished) return Promise.resolve(DONE);
    return new Promise((resolve, reject) => this.#readers.push({ resolve, reject }));
  }

  /** Gives the stream up: the writer's signal aborts, and its writes reject. */
  return(): Promise<Result> {
    this.#end(new AgentwireError('ERR_ABORTED', 'the reader left the stream'));
    this.#parts.drain();
    this.#finish(undefined);
    this.#failure = undefined;
    return Promise.resolve(DONE);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #take(reply: KernelMessage): boolean {
    if (reply.streamed === 'error') {
      this.#finish(readFailure(reply));
      return true;
    }
    // an answer that is no part of a stream is all of it.
    if (reply.streamed !== 'end') this.#hand(reply);
    if (reply.streamed === 'part') return false;
    this.#finish(undefined);
    return true;
  }

  #hand(reply: KernelMessage): void {
    const reader = this.#readers.shift();
    if (reader === undefined) {
      this.#parts.push(reply);
      return;
    }
    this.#read(reply);
    reader.resolve({ done: false, value: reply });
  }

  /** Makes room for another part, here or where they are written. */
  #read({ fromNode, correlationId }: KernelMessage): void {
    if (fromNode === undefined) this.#window.restore();
    else if (correlationId !== undefined) this.#partRead(correlationId);
  }

  #fail(error: AgentwireError): void {
    this.#finish(error);
  }

  #finish(error: AgentwireError | undefined): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#failure = error;
    this.#window.close(requestOver());
    for (const reader of this.#readers.drain()) {
      const failure = this.#failure;
      this.#failure = undefined;
      if (failure === undefined) reader.resolve(DONE);
      else reader.reject(failure);
    }
  }
}
