import { AgentwireError } from '@agentwire/core';
import { MAX_FRAME_BYTES } from './frame-limits.ts';

/** Takes one whole frame: its payload is `bytes` from `start` up to `end`. The bytes are never overwritten. */
export type OnFrame = (type: number, bytes: Buffer, start: number, end: number) => void;

/** Options of {@link createFrameDecoder}. */
export interface FrameDecoderOptions {
  /** Called for every whole frame, in order, from inside `push` and `release`. What it throws stops the decoder. */
  readonly onFrame: OnFrame;
  /** Largest length field that is taken, inclusive, in bytes; default 16 MiB. Can be changed later. */
  readonly limitBytes?: number | undefined;
  /** Monotonic milliseconds, for {@link FrameDecoder.incompleteSinceMs}; default always 0. */
  readonly now?: (() => number) | undefined;
}

/** Cuts a byte stream into frames (`u32 big-endian length`, `u8 type`, payload). */
export interface FrameDecoder {
  /** Largest length field that is taken, inclusive, in bytes; counts for frames whose length was not read yet. */
  limitBytes: number;
  /** Bytes of the frame that is not whole yet, its length field included; 0 between frames. */
  readonly incompleteBytes: number;
  /** When the first byte of that frame came, on the clock of the option `now`. */
  readonly incompleteSinceMs: number;
  /** Bytes that came while the decoder was held. */
  readonly heldBytes: number;
  /** Whether somebody may have a view of the chunk that was pushed last: its memory must not be used again then. */
  readonly lent: boolean;
  /**
   * Takes what was read. Views of `chunk` are handed out and kept, see {@link FrameDecoder.lent}.
   *
   * @throws AgentwireError `ERR_PROTOCOL` for a length of 0 or over the limit, before anything is allocated; and what
   * `onFrame` throws. After that the decoder is stopped.
   */
  push(chunk: Buffer): void;
  /** Delivers no further frame, not even of the chunk at hand, until {@link release}; what is pushed is kept. */
  hold(): void;
  /** Goes on, first with what is kept. @throws like {@link push}. */
  release(): void;
  /** Drops everything; later calls do nothing. */
  stop(): void;
}

// A cut frame starts in a small buffer that grows by this factor, so memory follows what came and not what was announced.
const FIRST_BYTES = 1024;
const GROWTH = 4;
const LENGTH_BYTES = 4;

class BufferedFrameDecoder implements FrameDecoder {
  limitBytes: number;
  incompleteBytes = 0;
  incompleteSinceMs = 0;
  heldBytes = 0;
  lent = false;
  readonly #onFrame: OnFrame;
  readonly #now: (() => number) | undefined;
  /** The cut frame from its length field on; meaningful up to `incompleteBytes`. */
  #cut: Buffer | undefined;
  /** Length of the whole cut frame with its length field; 0 until that field is whole. */
  #cutTotal = 0;
  #kept: Buffer[] = [];
  #held = false;
  #running = false;
  #stopped = false;

  constructor(options: FrameDecoderOptions) {
    this.#onFrame = options.onFrame;
    this.#now = options.now;
    this.limitBytes = options.limitBytes ?? MAX_FRAME_BYTES;
  }

  push(chunk: Buffer): void {
    this.lent = false;
    if (this.#stopped || chunk.length === 0) return;
    if (this.#held || this.#running) this.#keep(chunk);
    else this.#run(chunk);
  }

  hold(): void {
    this.#held = true;
  }

  release(): void {
    this.#held = false;
    if (this.#running) return;
    let chunk = this.#takeKept();
    while (chunk !== undefined) {
      this.#run(chunk);
      chunk = this.#takeKept();
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#cut = undefined;
    this.#kept = [];
    this.heldBytes = 0;
    this.incompleteBytes = 0;
  }

  #keep(chunk: Buffer): void {
    this.lent = true;
    this.#kept.push(chunk);
    this.heldBytes += chunk.length;
  }

  #takeKept(): Buffer | undefined {
    if (this.#held || this.#stopped) return undefined;
    const chunk = this.#kept.shift();
    if (chunk !== undefined) this.heldBytes -= chunk.length;
    return chunk;
  }

  #run(chunk: Buffer): void {
    this.#running = true;
    try {
      const at = this.#takeFrames(chunk);
      if (this.#stopped || at === chunk.length) return;
      if (this.#held) {
        this.lent = true;
        this.#kept.unshift(chunk.subarray(at));
        this.heldBytes += chunk.length - at;
      } else this.#beginCut(chunk, at);
    } catch (error) {
      this.stop();
      throw error;
    } finally {
      this.#running = false;
    }
  }

  /** Delivers the whole frames of `chunk`. @returns where the rest begins. */
  #takeFrames(chunk: Buffer): number {
    const end = chunk.length;
    let at = 0;
    while (at < end && !this.#held && !this.#stopped) {
      if (this.incompleteBytes > 0) {
        at = this.#continueCut(chunk, at);
        continue;
      }
      if (end - at < LENGTH_BYTES) break;
      const next = at + LENGTH_BYTES + this.#readLength(chunk, at);
      if (next > end) break;
      const start = at + LENGTH_BYTES + 1;
      at = next;
      this.lent = true;
      this.#onFrame(chunk[start - 1] as number, chunk, start, next);
    }
    return at;
  }

  #readLength(bytes: Buffer, at: number): number {
    const length = bytes.readUInt32BE(at);
    if (length > 0 && length <= this.limitBytes) return length;
    throw new AgentwireError(
      'ERR_PROTOCOL',
      length === 0
        ? 'frame of length 0; the other side does not speak this protocol'
        : `frame of ${length} bytes, limit ${this.limitBytes}; the other side must split it, or does not speak this protocol`,
      { detail: { length, limit: this.limitBytes } },
    );
  }

  #beginCut(chunk: Buffer, at: number): void {
    const length = chunk.length - at;
    this.#cutTotal = length < LENGTH_BYTES ? 0 : LENGTH_BYTES + chunk.readUInt32BE(at);
    this.#cut = this.#allocate(length);
    chunk.copy(this.#cut, 0, at);
    this.incompleteBytes = length;
    if (this.#now !== undefined) this.incompleteSinceMs = this.#now();
  }

  #allocate(atLeast: number): Buffer {
    const roomy = Math.max(FIRST_BYTES, atLeast * GROWTH);
    return Buffer.allocUnsafe(this.#cutTotal === 0 ? roomy : Math.min(this.#cutTotal, roomy));
  }

  #continueCut(chunk: Buffer, at: number): number {
    if (this.#cutTotal === 0) {
      const next = this.#append(chunk, at, LENGTH_BYTES);
      if (this.incompleteBytes < LENGTH_BYTES) return next;
      this.#cutTotal = LENGTH_BYTES + this.#readLength(this.#cut as Buffer, 0);
      return next;
    }
    const total = this.#cutTotal;
    const next = this.#append(chunk, at, total);
    if (this.incompleteBytes < total) return next;
    const frame = this.#cut as Buffer;
    this.#cut = undefined;
    this.incompleteBytes = 0;
    this.#onFrame(frame[LENGTH_BYTES] as number, frame, LENGTH_BYTES + 1, total);
    return next;
  }

  /** Copies from `chunk` until the cut frame has `until` bytes or the chunk ends. @returns where the rest begins. */
  #append(chunk: Buffer, at: number, until: number): number {
    const next = Math.min(chunk.length, at + until - this.incompleteBytes);
    const have = this.incompleteBytes + next - at;
    let cut = this.#cut as Buffer;
    if (have > cut.length) {
      const larger = this.#allocate(have);
      cut.copy(larger, 0, 0, this.incompleteBytes);
      this.#cut = cut = larger;
    }
    chunk.copy(cut, this.incompleteBytes, at, next);
    this.incompleteBytes = have;
    return next;
  }
}

/**
 * Makes a decoder that cuts a byte stream into frames, straight from the buffers that were read.
 *
 * Only a frame that is cut by a read's end is copied, and each of its bytes 1⅓ times on average at most; memory held for
 * it is 1 KiB or four times what has come of it, and never more than its announced length.
 */
export function createFrameDecoder(options: FrameDecoderOptions): FrameDecoder {
  return new BufferedFrameDecoder(options);
}
