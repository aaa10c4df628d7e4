import { constants, type Http2Stream, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { AgentwireError, type Clock, type TimerHandle } from '@agentwire/core';
import type { Lifecycle } from '@agentwire/core/internal';
import { Outbox } from '@agentwire/wire-codec';
import { SlowFrameGuard } from '@agentwire/wire-codec/internal';
import {
  fromGrpcStatus,
  fromHttp2Code,
  fromHttpStatus,
  fromNodeError,
  toGrpcMessage,
  toGrpcStatus,
  toHttp2Code,
} from '../errors/http2-errors.ts';
import { MessageReader, PREFIX_BYTES } from './message-reader.ts';

/** Time in milliseconds that the end of a failed stream may take. */
const FAIL_WITHIN_MS = 1_000;

/** States of a stream of gRPC messages. */
export type MessageStreamState = 'reading' | 'paused' | 'ended' | 'failing' | 'destroyed';

/** Transitions of a {@link MessageStream}; `ended` can still send, `failing` sends its trailers. */
export const MESSAGE_STREAM_LIFECYCLE: Lifecycle<MessageStreamState> = {
  reading: { pause: 'paused', 'peer ended': 'ended', fail: 'failing', destroy: 'destroyed' },
  paused: { resume: 'reading', 'peer ended': 'ended', fail: 'failing', destroy: 'destroyed' },
  ended: { fail: 'failing', destroy: 'destroyed' },
  failing: { destroy: 'destroyed' },
  destroyed: {},
};

/** Receiver of a {@link MessageStream}. */
export interface MessageStreamUser {
  /** One gRPC message: the bytes of `buffer` from `start` to `end`. */
  onFrame(buffer: Buffer, start: number, end: number): void;
  /** Buffered bytes fell below the low-water mark. */
  onDrain(): void;
  /** The other side has ended the stream in any way: called once, unless {@link MessageStream.destroy} came first. */
  onEnd(error: AgentwireError | undefined): void;
  /** The stream is closed in both directions: called last, if {@link onEnd} was called without an error before. */
  onGone?(error: AgentwireError | undefined): void;
  /** The stream cannot go on because of received bytes. */
  onFault(error: AgentwireError): void;
}

/** Options of a {@link MessageStream}. */
export interface MessageStreamOptions {
  /** Side of this end. */
  readonly side: 'client' | 'server';
  /** Name of the other side in errors. */
  readonly where: string;
  readonly clock: Clock;
  /** Longest message to accept, in bytes. */
  readonly maxBytes: number;
}

/**
 * gRPC messages on one HTTP/2 stream: the framing both ways, few writes per tick, and one end, whether the other side ends
 * the stream or the session, resets it, sends a status, or dies.
 */
export class MessageStream {
  readonly stream: Http2Stream;
  readonly outbox: Outbox;
  user: MessageStreamUser;
  /** Received bytes. */
  receivedBytes = 0;
  readonly #reader: MessageReader;
  readonly #guard: SlowFrameGuard;
  readonly #side: 'client' | 'server';
  readonly #where: string;
  readonly #clock: Clock;
  #state: MessageStreamState = 'reading';
  /** Set while the stream is not read because of messages that later turns deliver. */
  #full = false;
  /** Error of the other side's end. */
  #received: AgentwireError | undefined;
  /** Error for the trailers of this side. */
  #trailers: AgentwireError | undefined;
  #endTimer: TimerHandle;

  constructor(stream: Http2Stream, options: MessageStreamOptions, user: MessageStreamUser) {
    const { clock } = options;
    this.stream = stream;
    this.user = user;
    this.#side = options.side;
    this.#where = options.where;
    this.#clock = clock;
    this.outbox = new Outbox(stream, { onDrain: () => this.user.onDrain() });
    this.#reader = new MessageReader(options.maxBytes, {
      onFrame: (buffer, start, end) => this.user.onFrame(buffer, start, end),
      onTurn: () => this.#read(undefined),
      now: () => clock.now(),
    });
    this.#guard = new SlowFrameGuard(this.#reader, clock, (error) => this.user.onFault(error));
    stream.on('data', (chunk: Buffer) => this.#read(chunk));
    stream.on('end', () => this.#onEnd());
    stream.on('error', (error) => {
      this.#received ??= fromNodeError(error, 'ERR_CLOSED', this.#where);
    });
    stream.on('close', () => this.#onClose());
    if (options.side === 'client') {
      stream.on('response', (headers) => this.#onResponse(headers));
      stream.on('trailers', (trailers) => this.#onTrailers(trailers));
    } else stream.on('wantTrailers', () => this.#sendTrailers());
  }

  get state(): MessageStreamState {
    return this.#state;
  }

  /** Bytes that were accepted and have not left. */
  get bufferedBytes(): number {
    return this.outbox.size;
  }

  /** Longest message to accept from now on, in bytes. */
  set maxBytes(value: number) {
    this.#reader.maxBytes = value;
  }

  /** Reads `chunk`, or what earlier turns left. */
  #read(chunk: Buffer | undefined): void {
    if (this.over) return;
    try {
      if (chunk === undefined) this.#reader.turn();
      else {
        this.receivedBytes += chunk.length;
        this.#reader.read(chunk);
      }
    } catch (error) {
      this.#fault(error);
      return;
    }
    this.#watch();
    this.#limitPending();
  }

  /** Reads no more than later turns of the event loop can deliver: all at once, answers to them would have no bound. */
  #limitPending(): void {
    if (this.#state !== 'reading' || this.#full === this.#reader.full) return;
    this.#full = !this.#full;
    if (this.#full) this.stream.pause();
    else this.stream.resume();
  }

  #fault(error: unknown): void {
    if (!this.over) this.user.onFault(fromNodeError(error, 'ERR_PROTOCOL', this.#where));
  }

  /** Watches the progress of a message that came in part. */
  #watch(): void {
    if (this.#reader.incompleteBytes > 0 && this.#state === 'reading') this.#guard.watch();
  }

  #onResponse(headers: IncomingHttpHeaders): void {
    const status = Number(headers[':status']);
    const type = headers['content-type'] ?? '';
    if (status !== 200) this.#received ??= fromHttpStatus(status, this.#where);
    else if (headers['grpc-status'] !== undefined) this.#onTrailers(headers);
    else if (!type.startsWith('application/grpc')) {
      this.#received ??= new AgentwireError(
        'ERR_PROTOCOL',
        `${this.#where} answered with a content type that is not gRPC`,
      );
    }
    if (this.#received !== undefined) this.#peerEnded(this.#received);
  }

  #onTrailers(trailers: IncomingHttpHeaders): void {
    const status = trailers['grpc-status'];
    if (status !== undefined) this.#received ??= fromGrpcStatus(status, trailers['grpc-message'], this.#where);
  }

  #sendTrailers(): void {
    const error = this.#trailers;
    const message = error === undefined ? undefined : { 'grpc-message': toGrpcMessage(error) };
    try {
      (this.stream as ServerHttp2Stream).sendTrailers({ 'grpc-status': String(toGrpcStatus(error)), ...message });
      // further messages of the other side have no reader; at once, a reset would overtake the trailers
      if (this.#state === 'failing') setImmediate(() => this.stream.close(constants.NGHTTP2_NO_ERROR));
    } catch {
      // the stream was closed meanwhile, and with it the reader of the trailers
      this.#reset(error);
    }
  }

  #onEnd(): void {
    this.#finishReading();
    this.#received ??= this.#reader.truncation();
    this.#peerEnded(this.#received);
  }

  #onClose(): void {
    this.#clock.clearTimeout(this.#endTimer);
    const error = this.#received ?? fromHttp2Code(this.stream.rstCode ?? constants.NGHTTP2_NO_ERROR, this.#where);
    if (this.over) this.user.onGone?.(error);
    else this.#peerEnded(error);
  }

  #finishReading(): void {
    if (this.over) return;
    try {
      this.#reader.finish();
    } catch (error) {
      this.#fault(error);
    }
  }

  #peerEnded(error: AgentwireError | undefined): void {
    this.#finishReading();
    if (this.over) return;
    this.#stopReading('ended');
    this.user.onEnd(error);
  }

  #stopReading(state: MessageStreamState): void {
    this.#state = state;
    this.#guard.stop();
    this.#reader.stop();
  }

  /** `true` once nothing more is delivered: the other side has ended the stream, or this side gave it up. */
  get over(): boolean {
    return this.#state !== 'reading' && this.#state !== 'paused';
  }

  /** Delivers and reads nothing more, so that the other side has to stop, too. */
  pause(): void {
    if (this.#state !== 'reading') return;
    this.#state = 'paused';
    this.#reader.hold();
    this.#guard.stop();
    this.stream.pause();
  }

  /** Ends {@link pause}; messages that wait are delivered at once. */
  resume(): void {
    if (this.#state !== 'paused') return;
    this.#state = 'reading';
    try {
      this.#reader.release();
    } catch (error) {
      this.#fault(error);
    }
    if (this.#stillReading() && !this.stream.destroyed) {
      this.#watch();
      this.#full = this.#reader.full;
      if (!this.#full) this.stream.resume();
    }
  }

  /** A delivery inside {@link resume} may have paused or ended the stream again. */
  #stillReading(): boolean {
    return this.#state === 'reading';
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
   * Ends this side once everything is sent; after `withinMs` drops what the other side did not take. `status` is the error in
   * the trailers of a listener.
   */
  end(withinMs: number, status?: AgentwireError): void {
    if (this.stream.destroyed) return;
    this.#trailers ??= status;
    this.#endTimer ??= this.#clock.setTimeout(() => this.#reset(undefined), withinMs);
    this.outbox.whenEmpty(() => this.stream.end());
  }

  /**
   * Reads nothing more, and ends with the error as status where this side can send one: after what is buffered, as far as the
   * other side takes it at once.
   */
  fail(error: AgentwireError): void {
    if (this.#state === 'failing') return;
    if (this.#side === 'client' || this.stream.destroyed || this.stream.writableEnded) return this.destroy(error);
    this.#stopReading('failing');
    // a paused stream would not see the other side's end
    this.stream.resume();
    this.#clock.clearTimeout(this.#endTimer);
    this.#endTimer = this.#clock.setTimeout(() => this.#reset(error), FAIL_WITHIN_MS);
    this.#trailers ??= error;
    this.outbox.whenEmpty(() => this.stream.end());
  }

  /** Drops everything now. */
  destroy(error: AgentwireError | undefined): void {
    this.#stopReading('destroyed');
    this.#reset(error);
  }

  #reset(error: AgentwireError | undefined): void {
    this.#clock.clearTimeout(this.#endTimer);
    if (this.stream.destroyed) return;
    this.stream.close(this.#side === 'client' ? constants.NGHTTP2_CANCEL : toHttp2Code(error));
    this.stream.destroy();
  }
}
