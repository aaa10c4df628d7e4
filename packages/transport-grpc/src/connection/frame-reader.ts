import { AgentwireError } from '@agentwire/core';

/** Bytes that stand before every gRPC message: a compression flag and its length. */
export const PREFIX_BYTES = 5;

const SMALL_CHUNK = 4096;
const TAIL_BYTES = 16 * 1024;

/** Takes one message: the bytes of `buffer` from `start` to `end`. */
export type OnFrame = (buffer: Buffer, start: number, end: number) => void;

/**
 * Cuts a byte stream into gRPC messages. A message that lies in one chunk is not copied; a length is checked before
 * anything is kept for it, and a message that trickles in is gathered without a buffer of its own for each piece.
 */
export class FrameReader {
  /** Longest message to take; larger ones are an error. */
  maxBytes: number;
  #parts: Buffer[] = [];
  #tail: Buffer | undefined;
  #tailUsed = 0;
  #have = 0;
  #need = 0;
  #held: Buffer | undefined;
  #stopped = false;
  readonly #onFrame: OnFrame;

  constructor(maxBytes: number, onFrame: OnFrame) {
    this.maxBytes = maxBytes;
    this.#onFrame = onFrame;
  }

  /** Bytes of an unfinished message. */
  get partialBytes(): number {
    return this.#have;
  }

  /** Stops handing out messages; what is there stays. */
  stop(): void {
    this.#stopped = true;
  }

  /** Goes on handing out messages. @throws AgentwireError as {@link push}. */
  start(): void {
    this.#stopped = false;
    const held = this.#held;
    this.#held = undefined;
    if (held !== undefined) this.push(held);
  }

  /** Takes the next bytes. @throws AgentwireError `ERR_MESSAGE_TOO_LARGE`, `ERR_PROTOCOL` for a compressed message. */
  push(chunk: Buffer): void {
    if (this.#stopped) {
      this.#held = this.#held === undefined ? chunk : Buffer.concat([this.#held, chunk]);
    } else if (this.#have === 0) {
      this.#cut(chunk);
    } else {
      this.#gather(chunk);
      if (this.#have >= this.#need) this.#cut(this.#joined());
    }
  }

  #gather(chunk: Buffer): void {
    this.#have += chunk.length;
    if (chunk.length >= SMALL_CHUNK) {
      this.#flushTail();
      this.#parts.push(chunk);
      return;
    }
    if (this.#tail !== undefined && this.#tailUsed + chunk.length > TAIL_BYTES) this.#flushTail();
    this.#tail ??= Buffer.allocUnsafeSlow(Math.max(chunk.length, Math.min(TAIL_BYTES, this.#need)));
    if (this.#tailUsed + chunk.length > this.#tail.length) {
      this.#flushTail();
      this.#tail = Buffer.allocUnsafeSlow(TAIL_BYTES);
    }
    chunk.copy(this.#tail, this.#tailUsed);
    this.#tailUsed += chunk.length;
  }

  #flushTail(): void {
    if (this.#tail !== undefined) this.#parts.push(this.#tail.subarray(0, this.#tailUsed));
    this.#tail = undefined;
    this.#tailUsed = 0;
  }

  #joined(): Buffer {
    this.#flushTail();
    const parts = this.#parts;
    const all = parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts, this.#have);
    this.#parts = [];
    this.#have = 0;
    return all;
  }

  #cut(buffer: Buffer): void {
    const { length } = buffer;
    let at = 0;
    while (length - at >= PREFIX_BYTES) {
      if (this.#stopped) {
        this.#held = at === 0 ? buffer : buffer.subarray(at);
        return;
      }
      const size = buffer.readUInt32BE(at + 1);
      if (buffer[at] !== 0) this.#refuse(buffer[at] as number);
      if (size > this.maxBytes) this.#refuseLength(size);
      const end = at + PREFIX_BYTES + size;
      if (end > length) {
        this.#need = PREFIX_BYTES + size;
        this.#gather(buffer.subarray(at));
        return;
      }
      this.#onFrame(buffer, at + PREFIX_BYTES, end);
      at = end;
    }
    if (at === length) return;
    this.#need = PREFIX_BYTES;
    this.#gather(buffer.subarray(at));
  }

  #refuse(flag: number): never {
    throw new AgentwireError(
      'ERR_PROTOCOL',
      `gRPC message with compression flag ${flag}; this side takes no compressed messages`,
    );
  }

  #refuseLength(size: number): never {
    throw new AgentwireError(
      'ERR_MESSAGE_TOO_LARGE',
      `gRPC message of ${size} bytes is larger than the limit of ${this.maxBytes}`,
      {
        detail: { size, limit: this.maxBytes },
      },
    );
  }
}
