import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { toAgentwireError } from '@agentwire/core';
import { freeMemory, markMessage } from '@agentwire/core/internal';
import {
  createFrameDecoder,
  MAX_HANDSHAKE_FRAME_BYTES,
  SlowFrameGuard,
  type FrameDecoder,
} from '@agentwire/wire-codec/frame/internal';
import { isHttp2, speaksHttp2 } from './link-errors.ts';
import type { LinkReceiver, MessageLink } from './message-link.ts';

const NO_BYTES = new Uint8Array(0);
/** Length from which a read is freed, in bytes: those of single heads and answers are not worth a call. */
const MIN_FREED_BYTES = 4_096;

/**
 * Makes a link of a byte stream that carries frames (`u32` length, `u8` type, payload): a socket, a pipe, a TLS stream.
 *
 * Messages are delivered as views of what was read, and a frame that has begun must arrive with 1 KiB per second. The
 * stream must be connected and readable and writable, with `allowHalfOpen`, so that each side can end for itself.
 */
export function streamLink(duplex: Duplex): MessageLink {
  return new StreamLink(duplex);
}

class StreamLink implements MessageLink {
  receivedBytes = 0;
  readonly #duplex: Duplex;
  readonly #decoder: FrameDecoder;
  /** Set for a socket: what is written has left the process, and a read belongs to this link alone. */
  readonly #isSocket: boolean;
  #receiver: LinkReceiver | undefined;
  #guard: SlowFrameGuard | undefined;
  #error: Error | undefined;
  #delivery: 'on' | 'held' | 'paused' = 'on';
  /** Set once the peer is admitted: before that the handshake's own deadline is the shorter one. */
  #isGuarded = false;
  #closed = false;
  #peerEnded = false;

  constructor(duplex: Duplex) {
    this.#duplex = duplex;
    this.#isSocket = duplex instanceof Socket;
    this.#decoder = createFrameDecoder({
      onFrame: (_, bytes, start, end, isAlone) => {
        if (isAlone) markMessage(bytes);
        return this.#receiver?.onMessage(bytes, start - 1, end);
      },
      limitBytes: MAX_HANDSHAKE_FRAME_BYTES,
      now: () => this.#receiver?.clock.now() ?? 0,
    });
    duplex.on('error', (error) => {
      this.#error ??= error;
    });
    duplex.on('close', () => this.#onClose());
  }

  get incompleteBytes(): number {
    return this.#decoder.incompleteBytes;
  }

  limit(bytes: number): void {
    this.#decoder.limitBytes = bytes;
    this.#isGuarded = this.#receiver !== undefined;
  }

  start(receiver: LinkReceiver): void {
    this.#receiver = receiver;
    this.#guard = new SlowFrameGuard(this.#decoder, receiver.clock, (error) => receiver.onFault(error));
    if (this.#closed) {
      process.nextTick(() => receiver.onClose(this.#error));
      return;
    }
    this.#duplex.on('data', (chunk: Buffer) => this.#onData(chunk));
    this.#duplex.on('end', () => {
      this.#peerEnded = true;
      this.#reportEnd();
    });
  }

  sendFrames(frames: Uint8Array, done: (error?: Error | null) => void): void {
    // another stream may hand the memory itself on, which is written to again after `done`
    this.#duplex.write(this.#isSocket ? frames : Buffer.from(frames), done);
  }

  send(bytes: Uint8Array, done: (error?: Error | null) => void): void {
    const length = Buffer.allocUnsafe(4);
    length.writeUInt32BE(bytes.length);
    this.#duplex.write(length);
    this.#duplex.write(bytes, done);
  }

  #onData(chunk: Buffer): void {
    const isFirst = this.receivedBytes === 0;
    this.receivedBytes += chunk.length;
    try {
      if (isFirst && isHttp2(chunk)) {
        this.#stopDecoder();
        throw speaksHttp2();
      }
      this.#decoder.push(chunk);
    } catch (error) {
      this.#fail(error);
    }
    // bodies come in reads of which all was copied, heads in reads of which nothing is kept
    if (chunk.length >= MIN_FREED_BYTES && this.#isSocket && !this.#decoder.retained) freeMemory(chunk);
    this.#watchProgress();
    if (this.#delivery === 'held' && this.#decoder.pendingBytes > MAX_HANDSHAKE_FRAME_BYTES) this.#duplex.pause();
  }

  #fail(error: unknown): void {
    this.#receiver?.onFault(toAgentwireError(error, 'ERR_PROTOCOL'));
  }

  #watchProgress(): void {
    if (this.#isGuarded && this.#decoder.incompleteBytes > 0) this.#guard?.watch();
  }

  #reportEnd(): void {
    if (this.#delivery === 'on' || this.#decoder.pendingBytes === 0) this.#receiver?.onEnd(this.#decoder.truncation());
  }

  #onClose(): void {
    this.#closed = true;
    this.#stopDecoder();
    this.#receiver?.onClose(this.#error);
  }

  #stopDecoder(): void {
    this.#decoder.stop();
    this.#guard?.stop();
  }

  hold(): void {
    this.#delivery = 'held';
    this.#decoder.pause();
    this.#guard?.stop();
  }

  pause(): void {
    this.hold();
    this.#delivery = 'paused';
    this.#duplex.pause();
  }

  resume(): void {
    this.#delivery = 'on';
    try {
      this.#decoder.resume();
    } catch (error) {
      this.#fail(error);
    }
    if (!this.#delivers()) return;
    this.#watchProgress();
    this.#duplex.resume();
    if (this.#peerEnded) this.#reportEnd();
  }

  // read again after a callback, which may have paused
  #delivers(): boolean {
    return this.#delivery === 'on';
  }

  probe(): void {
    // nothing goes out, but the system fails the write if the peer has closed a Unix socket, or has reset the connection
    this.#duplex.write(NO_BYTES);
  }

  discard(): void {
    this.#stopDecoder();
    this.#duplex.resume();
  }

  close(): void {
    this.#duplex.end();
  }

  abort(): void {
    this.#stopDecoder();
    this.#duplex.destroy();
  }
}
