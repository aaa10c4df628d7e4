import { AgentwireError } from '@agentwire/core';
import { allocateMessage } from './message-memory.ts';
import { ReadMemory } from './read-memory.ts';

/** Bytes that stand before every gRPC message: a compression flag and its length. */
export const PREFIX_BYTES = 5;

/** Takes one message: the bytes of `buffer` from `start` to `end`, which are never overwritten. */
export type OnFrame = (buffer: Buffer, start: number, end: number) => void;

/**
 * Cuts a byte stream into gRPC messages, so many in one go and the rest when it is told to go on. A message that lies in
 * one chunk is not copied; a length is checked before anything is kept for it.
 */
export class FrameReader {
  /** Longest message to take; larger ones are an error. */
  maxBytes: number;
  /** Bytes of an unfinished message. */
  partialBytes = 0;
  /** Bytes that came and were not looked at. */
  keptBytes = 0;
  /** Messages that are handed out before the rest is kept. */
  budget: number = Infinity;
  #cut: Buffer | undefined;
  /** Length of the cut message with its prefix; 0 until that is whole. */
  #cutTotal = 0;
  #kept: Buffer[] = [];
  #stopped = false;
  #running = false;
  readonly #memory: ReadMemory = new ReadMemory();
  readonly #onFrame: OnFrame;

  constructor(maxBytes: number, onFrame: OnFrame) {
    this.maxBytes = maxBytes;
    this.#onFrame = onFrame;
  }

  /** Stops handing out messages; what is there stays. */
  stop(): void {
    this.#stopped = true;
  }

  /** Hands out messages again. @throws AgentwireError as {@link push}. */
  start(): void {
    this.#stopped = false;
    this.go();
  }

  /** Drops what is there. */
  drop(): void {
    this.#stopped = true;
    this.#kept = [];
    this.keptBytes = 0;
  }

  /** Takes the next bytes. @throws AgentwireError `ERR_MESSAGE_TOO_LARGE`, `ERR_PROTOCOL` for a compressed message. */
  push(chunk: Buffer): void {
    this.#memory.saw(chunk);
    if (this.#halted || this.#running || this.keptBytes > 0) {
      this.#memory.lend();
      this.#kept.push(chunk);
      this.keptBytes += chunk.length;
    } else this.#run(chunk);
  }

  get #halted(): boolean {
    return this.#stopped || this.budget <= 0;
  }

  /** Hands out what was kept, as far as {@link budget} goes. @throws AgentwireError as {@link push}. */
  go(): void {
    while (this.keptBytes > 0 && !this.#halted && !this.#running) {
      const chunk = this.#kept.shift() as Buffer;
      this.keptBytes -= chunk.length;
      this.#run(chunk);
    }
  }

  #run(chunk: Buffer): void {
    this.#running = true;
    try {
      const at = this.#takeFrames(chunk);
      if (at === chunk.length) return;
      if (this.#halted) {
        this.#memory.lend();
        this.#kept.unshift(chunk.subarray(at));
        this.keptBytes += chunk.length - at;
      } else this.#beginCut(chunk, at);
    } finally {
      this.#running = false;
    }
  }

  /** Hands out the whole messages of `chunk`. @returns where the rest begins. */
  #takeFrames(chunk: Buffer): number {
    const { length } = chunk;
    let at = 0;
    while (at < length && !this.#halted) {
      if (this.partialBytes > 0) {
        at = this.#continueCut(chunk, at);
        continue;
      }
      if (length - at < PREFIX_BYTES) break;
      const start = at + PREFIX_BYTES;
      const end = start + this.#readLength(chunk, at);
      if (end > length) break;
      at = end;
      this.budget -= 1;
      this.#memory.lend();
      this.#onFrame(chunk, start, end);
    }
    return at;
  }

  #readLength(bytes: Buffer, at: number): number {
    const flag = bytes[at] as number;
    if (flag !== 0) {
      const what = `gRPC message with compression flag ${flag}; this side takes no compressed messages`;
      throw new AgentwireError(flag === 1 ? 'ERR_UNSUPPORTED' : 'ERR_PROTOCOL', what);
    }
    const size = bytes.readUInt32BE(at + 1);
    const limit = this.maxBytes;
    if (size <= limit) return size;
    const what = `gRPC message of ${size} bytes is larger than the limit of ${limit}`;
    throw new AgentwireError('ERR_MESSAGE_TOO_LARGE', what, {
      detail: { size, limit },
    });
  }

  #beginCut(chunk: Buffer, at: number): void {
    const length = chunk.length - at;
    this.#cutTotal = length < PREFIX_BYTES ? 0 : PREFIX_BYTES + this.#readLength(chunk, at);
    // a cut prefix moves once it is known what it announces
    this.#cut = allocateMessage(this.#cutTotal || PREFIX_BYTES, length);
    chunk.copy(this.#cut, 0, at);
    this.partialBytes = length;
  }

  #continueCut(chunk: Buffer, at: number): number {
    if (this.#cutTotal === 0) {
      const next = this.#append(chunk, at, PREFIX_BYTES);
      if (this.partialBytes === PREFIX_BYTES) this.#cutTotal = PREFIX_BYTES + this.#readLength(this.#cut as Buffer, 0);
      // an empty message is whole with its prefix
      return this.#cutTotal === PREFIX_BYTES ? this.#finishCut(next) : next;
    }
    const next = this.#append(chunk, at, this.#cutTotal);
    return this.partialBytes === this.#cutTotal ? this.#finishCut(next) : next;
  }

  #finishCut(next: number): number {
    const message = this.#cut as Buffer;
    this.#cut = undefined;
    this.partialBytes = 0;
    this.budget -= 1;
    this.#onFrame(message, PREFIX_BYTES, this.#cutTotal);
    return next;
  }

  /** Copies from `chunk` until the cut message has `until` bytes or the chunk ends. @returns where the rest begins. */
  #append(chunk: Buffer, at: number, until: number): number {
    const next = Math.min(chunk.length, at + until - this.partialBytes);
    const have = this.partialBytes + next - at;
    let cut = this.#cut as Buffer;
    if (have > cut.length) {
      const larger = allocateMessage(this.#cutTotal, have);
      cut.copy(larger, 0, 0, this.partialBytes);
      this.#cut = cut = larger;
    }
    chunk.copy(cut, this.partialBytes, at, next);
    this.partialBytes = have;
    return next;
  }
}
