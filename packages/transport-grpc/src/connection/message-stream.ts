import { constants, type Http2Stream, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { AgentwireError, type Clock, type TimerHandle } from '@agentwire/core';
import { Outbox } from '@agentwire/wire-codec';
import {
  fromGrpcStatus,
  fromHttp2Code,
  fromHttpStatus,
  fromNodeError,
  toGrpcMessage,
  toGrpcStatus,
  toHttp2Code,
} from '../errors/http2-errors.ts';
import { FrameProgress } from './frame-progress.ts';
import { PREFIX_BYTES } from './frame-reader.ts';
import { PacedReader } from './paced-reader.ts';

/** How long the end of a failed stream may take, in milliseconds. */
const FAIL_WITHIN_MS = 1_000;

/** Who takes what a {@link MessageStream} brings. */
export interface MessageStreamUser {
  /** One gRPC message: the bytes of `buffer` from `start` to `end`. */
  onFrame(buffer: Buffer, start: number, end: number): void;
  /** Buffered bytes fell below the low-water mark. */
  onDrain(): void;
  /** The other side has ended the stream, in whatever way: called once, unless {@link MessageStream.destroy} came first. */
  onEnd(error: AgentwireError | undefined): void;
  /** The stream is closed in both directions: called last, where {@link onEnd} was called without an error before. */
  onGone?(error: AgentwireError | undefined): void;
  /** The stream cannot go on because of what came in. */
  onFault(error: AgentwireError): void;
}

/** What a {@link MessageStream} needs to know. */
export interface MessageStreamOptions {
  /** The side of the stream that this is. */
  readonly side: 'client' | 'server';
  /** The other side's name in errors. */
  readonly where: string;
  readonly clock: Clock;
  /** Longest message to take. */
  readonly maxBytes: number;
}

/**
 * gRPC messages on one HTTP/2 stream: the framing both ways, few writes a tick, and one end, whether the other side
 * ends the stream or the session, resets it, says a status, or dies.
 */
export class MessageStream {
  readonly stream: Http2Stream;
  readonly outbox: Outbox;
  user: MessageStreamUser;
  /** Bytes that came in. */
  receivedBytes = 0;
  readonly #reader: PacedReader;
  readonly #progress: FrameProgress;
  readonly #side: 'client' | 'server';
  readonly #where: string;
  readonly #clock: Clock;
  #status: AgentwireError | undefined;
  /** What the trailers of this side say. */
  #said: AgentwireError | undefined;
  #over = false;
  #failed = false;
  #paused = false;
  #endTimer: TimerHandle;

  constructor(stream: Http2Stream, options: MessageStreamOptions, user: MessageStreamUser) {
    this.stream = stream;
    this.user = user;
    this.#side = options.side;
    this.#where = options.where;
    this.#clock = options.clock;
    this.outbox = new Outbox(stream, { onDrain: () => this.user.onDrain() });
    this.#reader = new PacedReader(
      options.maxBytes,
      (buffer, start, end) => this.user.onFrame(buffer, start, end),
      (step) => this.#cut(step),
    );
    this.#progress = new FrameProgress(
      options.clock,
      () => this.receivedBytes,
      (error) => this.user.onFault(error),
    );
    stream.on('data', (chunk: Buffer) => this.#read(chunk));
    stream.on('end', () => this.#onEnd());
    stream.on('error', (error) => {
      this.#status ??= fromNodeError(error, 'ERR_CLOSED', this.#where);
    });
    stream.on('close', () => this.#onClose());
    if (options.side === 'client') {
      stream.on('response', (headers) => this.#onResponse(headers));
      stream.on('trailers', (trailers) => this.#onTrailers(trailers));
    } else stream.on('wantTrailers', () => this.#sendTrailers());
  }

  /** Bytes that were accepted and have not left. */
  get bufferedBytes(): number {
    return this.outbox.size;
  }

  /** Longest message to take from now on. */
  set maxBytes(value: number) {
    this.#reader.maxBytes = value;
  }

  #read(chunk: Buffer): void {
    if (this.#over) return;
    this.receivedBytes += chunk.length;
    this.#reader.push(chunk);
  }

  #cut(step: () => void): void {
    if (this.#over) return;
    try {
      step();
    } catch (error) {
      this.#reader.drop();
      if (!this.#over) this.user.onFault(fromNodeError(error, 'ERR_PROTOCOL', this.#where));
      return;
    }
    if (!this.#over) this.#progress.note(this.#reader.partialBytes > 0);
  }

  #onResponse(headers: IncomingHttpHeaders): void {
    const status = Number(headers[':status']);
    const type = headers['content-type'] ?? '';
    if (status !== 200) this.#status ??= fromHttpStatus(status, this.#where);
    else if (headers['grpc-status'] !== undefined) this.#onTrailers(headers);
    else if (!type.startsWith('application/grpc')) {
      this.#status ??= new AgentwireError(
        'ERR_PROTOCOL',
        `${this.#where} answered with a content type that is not gRPC`,
      );
    }
    if (this.#status !== undefined) this.#finish(this.#status);
  }

  #onTrailers(trailers: IncomingHttpHeaders): void {
    const status = trailers['grpc-status'];
    if (status !== undefined) this.#status ??= fromGrpcStatus(status, trailers['grpc-message'], this.#where);
  }

  #sendTrailers(): void {
    const error = this.#said;
    const message = error === undefined ? undefined : { 'grpc-message': toGrpcMessage(error) };
    try {
      (this.stream as ServerHttp2Stream).sendTrailers({ 'grpc-status': String(toGrpcStatus(error)), ...message });
      // what the other side still sends is for nobody; at once, a reset would overtake the trailers
      if (this.#failed) setImmediate(() => this.stream.close(constants.NGHTTP2_NO_ERROR));
    } catch {
      // the stream went meanwhile, and with it whoever would read them
      this.#reset(error);
    }
  }

  #onEnd(): void {
    this.#reader.finish();
    if (this.#reader.partialBytes > 0) {
      this.#status ??= new AgentwireError('ERR_PROTOCOL', `${this.#where} ended the stream in the middle of a message`);
    }
    this.#finish(this.#status);
  }

  #onClose(): void {
    this.#clock.clearTimeout(this.#endTimer);
    const error = this.#status ?? fromHttp2Code(this.stream.rstCode ?? constants.NGHTTP2_NO_ERROR, this.#where);
    if (this.#over) this.user.onGone?.(error);
    else this.#finish(error);
  }

  #finish(error: AgentwireError | undefined): void {
    this.#reader.finish();
    if (this.#over) return;
    this.#over = true;
    this.#reader.drop();
    this.#progress.stop();
    this.user.onEnd(error);
  }

  /** Whether the stream has ended on this side's knowledge. */
  get over(): boolean {
    return this.#over;
  }

  /** Stops handing out messages and reading, so that the other side has to stop too. */
  pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#reader.pause();
    this.#progress.stop();
    this.stream.pause();
  }

  /** Goes on; messages that wait are handed out at once. */
  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#reader.resume();
    if (!this.#paused && !this.stream.destroyed) this.stream.resume();
  }

  /** Writes the prefix of a message whose bytes stand behind it, from `at` to `end`, and sends it. */
  commit(at: number, end: number): boolean {
    const { bytes } = this.outbox;
    bytes[at] = 0;
    bytes.writeUInt32BE(end - at - PREFIX_BYTES, at + 1);
    return this.outbox.commit(end);
  }

  /** Sends one message. */
  send(message: Uint8Array): boolean {
    const at = this.outbox.reserve(PREFIX_BYTES + message.length);
    this.outbox.bytes.set(message, at + PREFIX_BYTES);
    return this.commit(at, at + PREFIX_BYTES + message.length);
  }

  /**
   * Ends this side once everything is sent; after `withinMs` drops what the other side did not take. On a listener `status`
   * is what its trailers say.
   */
  end(withinMs: number, status?: AgentwireError): void {
    if (this.stream.destroyed) return;
    this.#said ??= status;
    this.#endTimer ??= this.#clock.setTimeout(() => this.#reset(undefined), withinMs);
    this.outbox.whenEmpty(() => this.stream.end());
  }

  /**
   * Hears nothing more, and ends with a status that says why where this side has one to send: after what is buffered, as
   * far as the other side takes it at once.
   */
  fail(error: AgentwireError): void {
    if (this.#side === 'client' || this.stream.destroyed || this.stream.writableEnded) return this.destroy(error);
    this.#over = true;
    this.#failed = true;
    this.#progress.stop();
    this.#reader.drop();
    // what is paused would not see the other side's end
    this.stream.resume();
    this.#clock.clearTimeout(this.#endTimer);
    this.#endTimer = this.#clock.setTimeout(() => this.#reset(error), FAIL_WITHIN_MS);
    this.#said ??= error;
    this.outbox.whenEmpty(() => this.stream.end());
  }

  /** Drops everything now; nothing more comes of this stream. */
  destroy(error: AgentwireError | undefined): void {
    this.#over = true;
    this.#progress.stop();
    this.#reader.drop();
    this.#reset(error);
  }

  #reset(error: AgentwireError | undefined): void {
    this.#clock.clearTimeout(this.#endTimer);
    if (this.stream.destroyed) return;
    this.stream.close(this.#side === 'client' ? constants.NGHTTP2_CANCEL : toHttp2Code(error));
    this.stream.destroy();
  }
}
