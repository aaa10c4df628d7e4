import type { Socket } from 'node:net';
import { AgentwireError, toAgentwireError, type Clock, type TimerHandle } from '@agentwire/core';
import {
  createFrameDecoder,
  MAX_FRAME_BYTES,
  MAX_HANDSHAKE_FRAME_BYTES,
  Outbox,
  type FrameDecoder,
} from '@agentwire/wire-codec';
import { streamError } from './errors.ts';
import { FrameProgress } from './frame-progress.ts';

/** Whoever uses a {@link StreamLink} at the moment: first a handshake, then a connection. */
export interface LinkUser {
  /** One whole frame. A throw is handed back through {@link onFault}. */
  onFrame(type: number, bytes: Buffer, start: number, end: number): void;
  /** This side found a fault in what came; nothing more is delivered. */
  onFault(error: AgentwireError): void;
  /** Buffered bytes fell below the low-water mark. */
  onDrain(): void;
  /** The other side sends nothing more; `cut` when it stopped in the middle of a frame. */
  onPeerEnd(cut: AgentwireError | undefined): void;
  /** The socket is gone; called once, last. `error` is what the system said, if it said anything. */
  onGone(error: AgentwireError | undefined): void;
}

/** Options of a {@link StreamLink}. */
export interface LinkOptions {
  readonly clock: Clock;
  /** How long {@link StreamLink.end} waits for the other side, in milliseconds. */
  readonly closeTimeoutMs: number;
  /** Longest first frame in bytes; default 64 KiB. */
  readonly firstFrameBytes?: number | undefined;
}

/** Shorter reads are left to the garbage collector. */
const MIN_FREED_BYTES = 4 * 1024;

/**
 * Frees the memory of a read of which all was copied, instead of leaving it to the collector: bodies come in reads that hold
 * no whole frame, and the collector would look through everything for every few dozen MiB of them.
 */
function freeMemory({ buffer, length }: Buffer): void {
  if (length >= MIN_FREED_BYTES && buffer.byteLength === length && buffer instanceof ArrayBuffer) buffer.transfer(0);
}

/** A socket with frames on it: decoder, outgoing buffer, and the two ways to end. It knows no messages. */
export class StreamLink {
  readonly outbox: Outbox;
  readonly socket: Socket;
  receivedBytes = 0;
  user: LinkUser;
  readonly #decoder: FrameDecoder;
  readonly #options: LinkOptions;
  readonly #progress: FrameProgress;
  #error: AgentwireError | undefined;
  #endTimer: TimerHandle = undefined;
  #ending = false;
  #held = false;
  #takesMessages = false;
  #peerEnded = false;

  /** @param name what it is called in errors */
  constructor(socket: Socket, name: string, user: LinkUser, options: LinkOptions) {
    this.socket = socket;
    this.user = user;
    this.#options = options;
    const { clock } = options;
    this.outbox = new Outbox(socket, { onDrain: () => this.user.onDrain() });
    this.#decoder = createFrameDecoder({
      onFrame: (type, bytes, start, end) => this.user.onFrame(type, bytes, start, end),
      limitBytes: options.firstFrameBytes ?? MAX_HANDSHAKE_FRAME_BYTES,
      now: () => clock.now(),
    });
    this.#progress = new FrameProgress(this.#decoder, clock, (error) => this.user.onFault(error));
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    socket.on('end', () => this.#onEnd());
    socket.on('error', (error) => {
      this.#error ??= streamError(error, name);
    });
    socket.on('close', () => this.#onClose());
  }

  /** The handshake is done: takes frames of full length, and watches that they arrive. */
  takeMessages(): void {
    this.#decoder.limitBytes = MAX_FRAME_BYTES;
    this.#takesMessages = true;
  }

  /** Bytes of a frame that is not whole yet. */
  get incompleteBytes(): number {
    return this.#decoder.incompleteBytes;
  }

  #onData(chunk: Buffer): void {
    this.receivedBytes += chunk.length;
    this.#guarded(() => this.#decoder.push(chunk));
    if (!this.#decoder.retained) freeMemory(chunk);
    this.#watch();
    // the other side may send a little while it is not listened to, but not without a bound
    if (this.#held && this.#decoder.pendingBytes > MAX_HANDSHAKE_FRAME_BYTES) this.socket.pause();
  }

  #watch(): void {
    // before that the handshake's own deadline is the shorter one
    if (this.#takesMessages && this.#decoder.incompleteBytes > 0) this.#progress.watch();
  }

  #guarded(read: () => void): void {
    try {
      read();
    } catch (error) {
      this.user.onFault(toAgentwireError(error, 'ERR_PROTOCOL'));
    }
  }

  #onEnd(): void {
    this.#peerEnded = true;
    if (this.#held && this.#decoder.pendingBytes > 0) return;
    const { incompleteBytes } = this.#decoder;
    this.user.onPeerEnd(
      incompleteBytes === 0
        ? undefined
        : new AgentwireError(
            'ERR_CLOSED',
            `the other side ended in the middle of a frame, ${incompleteBytes} bytes of it came`,
          ),
    );
  }

  #onClose(): void {
    this.#decoder.stop();
    this.#progress.stop();
    this.#options.clock.clearTimeout(this.#endTimer);
    this.user.onGone(this.#error);
    this.outbox.discard();
  }

  /** Delivers no further frame. With `stopReading` the other side is made to wait as well. */
  hold(stopReading: boolean): void {
    this.#held = true;
    this.#decoder.pause();
    this.#progress.stop();
    if (stopReading) this.socket.pause();
  }

  /** Goes on after {@link hold}, first with what came meanwhile. */
  release(): void {
    this.#held = false;
    this.#guarded(() => this.#decoder.resume());
    if (this.#held) return;
    this.#watch();
    this.socket.resume();
    if (this.#peerEnded) this.#onEnd();
  }

  /** Drops everything that came and will come. */
  deafen(): void {
    this.#decoder.stop();
    this.#progress.stop();
    this.socket.resume();
  }

  /** Sends what is buffered, then ends; drops the socket when the other side does not follow in time. */
  end(): void {
    if (this.#ending) return;
    this.#ending = true;
    this.#endTimer = this.#options.clock.setTimeout(() => {
      this.#error ??= new AgentwireError(
        'ERR_TIMEOUT',
        `the other side did not end within ${this.#options.closeTimeoutMs} ms, ${this.outbox.size} bytes were dropped`,
      );
      this.socket.destroy();
    }, this.#options.closeTimeoutMs);
    this.outbox.whenEmpty(() => this.socket.end());
  }

  /** Drops the socket now. */
  destroy(): void {
    this.#decoder.stop();
    this.#progress.stop();
    this.outbox.discard();
    this.socket.destroy();
  }
}
