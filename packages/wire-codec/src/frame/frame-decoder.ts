import { AgentwireError } from '@agentwire/core';
import { MAX_FRAME_BYTES } from './frame-limits.ts';
import { LengthPrefixedReader } from './length-prefixed-reader.ts';

/**
 * Receives one whole frame: its payload is `bytes` from `start` up to `end`. The bytes are never overwritten. `isAlone` is `true` where
 * they were allocated for this frame and hold nothing else. Returns `false` where no view of them is kept.
 */
export type OnFrame = (type: number, bytes: Buffer, start: number, end: number, isAlone: boolean) => unknown;

/** Options of {@link createFrameDecoder}. */
export interface FrameDecoderOptions {
  /** Called for every whole frame, in order, from inside `push` and `resume`. An error it throws stops the decoder. */
  readonly onFrame: OnFrame;
  /** Largest accepted length field, inclusive, in bytes; default 16 MiB. Can be changed later. */
  readonly limitBytes?: number | undefined;
  /** Monotonic milliseconds, for {@link FrameDecoder.incompleteSinceMs}; default always 0. */
  readonly now?: (() => number) | undefined;
}

/** Cuts a byte stream into frames (`u32 big-endian length`, `u8 type`, payload). */
export interface FrameDecoder {
  /** Largest accepted length field, inclusive, in bytes; counts for frames whose length was not read yet. */
  limitBytes: number;
  /** Bytes of the frame that is not whole yet, its length field included; 0 between frames. */
  readonly incompleteBytes: number;
  /** Time at which the first byte of that frame came, on the clock of the option `now`. */
  readonly incompleteSinceMs: number;
  /** Bytes that came while the decoder was paused. */
  readonly pendingBytes: number;
  /** Set when a view of the chunk that was pushed last is kept, or may be: its memory must not be used again then. */
  readonly retained: boolean;
  /**
   * Takes what was read. Views of `chunk` are delivered, and may be kept: see {@link FrameDecoder.retained}.
   *
   * @throws AgentwireError `ERR_PROTOCOL` for a length of 0 and `ERR_MESSAGE_TOO_LARGE` for one over the limit, before anything is allocated; and what
   * `onFrame` throws. After that the decoder is stopped.
   */
  push(chunk: Buffer): void;
  /** Delivers no further frame, not even of the chunk at hand, until {@link resume}; what is pushed is kept. */
  pause(): void;
  /** Goes on, first with what is kept. @throws AgentwireError like {@link push}. */
  resume(): void;
  /** Drops everything; later calls do nothing. */
  stop(): void;
  /** The error of a stream that ends here, in the middle of a frame: `ERR_CLOSED`; `undefined` between frames. */
  truncation(): AgentwireError | undefined;
}

const LENGTH_BYTES = 4;
const PROMPT_BYTES = 1024;

class StreamFrameDecoder extends LengthPrefixedReader implements FrameDecoder {
  limitBytes: number;
  readonly #onFrame: OnFrame;

  constructor({ onFrame, limitBytes, now }: FrameDecoderOptions) {
    super({ prefixBytes: LENGTH_BYTES, promptBytes: PROMPT_BYTES, now });
    this.#onFrame = onFrame;
    this.limitBytes = limitBytes ?? MAX_FRAME_BYTES;
  }

  protected bodyLength(bytes: Buffer, at: number): number {
    const length = bytes.readUInt32BE(at);
    if (length > 0 && length <= this.limitBytes) return length;
    throw new AgentwireError(
      length === 0 ? 'ERR_PROTOCOL' : 'ERR_MESSAGE_TOO_LARGE',
      length === 0
        ? 'frame of length 0; the other side does not speak this protocol'
        : `frame of ${length} bytes, limit ${this.limitBytes}; the other side must split it, or does not speak this protocol`,
      { detail: { length, limit: this.limitBytes } },
    );
  }

  protected deliver(bytes: Buffer, start: number, end: number, isAlone: boolean): boolean {
    return this.#onFrame(bytes[start] as number, bytes, start + 1, end, isAlone) !== false;
  }
}

/** Makes a decoder that cuts a byte stream into frames, straight from the buffers that were read. */
export function createFrameDecoder(options: FrameDecoderOptions): FrameDecoder {
  return new StreamFrameDecoder(options);
}
