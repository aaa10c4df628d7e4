import { AgentwireError } from '@agentwire/core';
import { freeMemory } from '@agentwire/core/internal';

/** Factor by which the memory of a cut frame grows: it follows the bytes received, not the length announced. */
const GROWTH = 4;

/** Sizes of a {@link LengthPrefixedReader}. */
export interface LengthPrefixedReaderOptions {
  /** Bytes in front of each body, its length among them. */
  readonly prefixBytes: number;
  /** Memory that a cut frame gets at once, or its whole length if that is shorter. */
  readonly promptBytes: number;
  /** Monotonic milliseconds, for {@link LengthPrefixedReader.incompleteSinceMs}; default always 0. */
  readonly now?: (() => number) | undefined;
}

/**
 * Cuts a byte stream into frames of a prefix and a body, straight from the buffers that were read: the one reader of the
 * frames on byte streams and of gRPC messages.
 *
 * Only a frame that is cut by a read's end is copied, and each of its bytes 1⅓ times on average at most. Memory held for it
 * is `promptBytes` or four times the bytes received, and never more than its length. A length is checked before memory is
 * allocated for it.
 */
export abstract class LengthPrefixedReader {
  /** Bytes of the frame that is not whole yet, its prefix included; 0 between frames. */
  incompleteBytes = 0;
  /** Time at which the first byte of that frame came, on the clock of the option `now`. */
  incompleteSinceMs = 0;
  /** Bytes that were pushed and not looked at yet, because the reader is paused or a delivery runs. */
  pendingBytes = 0;
  /** Set when a view of the chunk that was pushed last is kept, here or by who took it: its memory must not be used again then. */
  retained = false;
  readonly #prefixBytes: number;
  readonly #promptBytes: number;
  readonly #now: (() => number) | undefined;
  /** The cut frame from its prefix on; meaningful up to `incompleteBytes`. */
  #cut: Buffer | undefined;
  /** Length of the whole cut frame with its prefix; 0 until that is whole. */
  #cutTotal = 0;
  #pending: Buffer[] = [];
  #paused = false;
  #running = false;
  #stopped = false;

  constructor({ prefixBytes, promptBytes, now }: LengthPrefixedReaderOptions) {
    this.#prefixBytes = prefixBytes;
    this.#promptBytes = promptBytes;
    this.#now = now;
  }

  /** Length of the body whose prefix begins at `at`. @throws AgentwireError for one that is not accepted */
  protected abstract bodyLength(bytes: Buffer, at: number): number;

  /**
   * Takes one body: `bytes` from `start` up to `end`, which are never overwritten.
   *
   * @param isAlone `true` where `bytes` were allocated for this frame and hold nothing else
   * @returns whether a view of `bytes` may be kept
   */
  protected abstract deliver(bytes: Buffer, start: number, end: number, isAlone: boolean): boolean;

  /**
   * Takes what was read. Views of `chunk` are delivered, and may be kept: see {@link retained}.
   *
   * @throws AgentwireError what `bodyLength` and `deliver` throw; after that the reader is stopped.
   */
  push(chunk: Buffer): void {
    if (!this.#running) this.retained = false;
    if (this.#stopped || chunk.length === 0) return;
    if (this.#running || this.#paused) {
      this.#keep(chunk);
      return;
    }
    this.#run(chunk);
    // chunks pushed from inside a delivery
    if (this.pendingBytes > 0 && !this.#paused) this.resume();
  }

  /** Delivers no further frame, not even of the chunk at hand, until {@link resume}; what is pushed is kept. */
  pause(): void {
    this.#paused = true;
  }

  /** Goes on after {@link pause}, first with what is kept. @throws AgentwireError like {@link push}. */
  resume(): void {
    this.#paused = false;
    if (this.#running) return;
    let chunk = this.#takePending();
    while (chunk !== undefined) {
      this.#run(chunk);
      chunk = this.#takePending();
    }
  }

  /** Drops everything; later calls do nothing. */
  stop(): void {
    this.#stopped = true;
    this.#cut = undefined;
    this.#pending = [];
    this.pendingBytes = 0;
    this.incompleteBytes = 0;
  }

  /** The error of a stream that ends here, in the middle of a frame; `undefined` between frames. */
  truncation(): AgentwireError | undefined {
    if (this.incompleteBytes === 0) return undefined;
    const what = `the other side ended in the middle of a frame, ${this.incompleteBytes} bytes of it came`;
    return new AgentwireError('ERR_CLOSED', what);
  }

  #keep(chunk: Buffer): void {
    this.retained = true;
    this.#pending.push(chunk);
    this.pendingBytes += chunk.length;
  }

  #takePending(): Buffer | undefined {
    if (this.#paused || this.#stopped) return undefined;
    const chunk = this.#pending.shift();
    if (chunk !== undefined) this.pendingBytes -= chunk.length;
    return chunk;
  }

  #run(chunk: Buffer): void {
    this.#running = true;
    try {
      const at = this.#takeFrames(chunk);
      if (this.#stopped || at === chunk.length) return;
      if (this.#paused) {
        this.retained = true;
        this.#pending.unshift(chunk.subarray(at));
        this.pendingBytes += chunk.length - at;
      } else this.#beginCut(chunk, at);
    } catch (error) {
      // by what threw
      this.retained = true;
      this.stop();
      throw error;
    } finally {
      this.#running = false;
    }
  }

  /** Delivers the whole frames of `chunk`. @returns where the rest begins. */
  #takeFrames(chunk: Buffer): number {
    const end = chunk.length;
    const prefix = this.#prefixBytes;
    let at = 0;
    while (at < end && !this.#paused && !this.#stopped) {
      if (this.incompleteBytes > 0) {
        at = this.#continueCut(chunk, at);
        continue;
      }
      if (end - at < prefix) break;
      const start = at + prefix;
      const next = start + this.bodyLength(chunk, at);
      if (next > end) break;
      at = next;
      if (this.deliver(chunk, start, next, false)) this.retained = true;
    }
    return at;
  }

  #beginCut(chunk: Buffer, at: number): void {
    const have = chunk.length - at;
    const prefix = this.#prefixBytes;
    this.#cutTotal = have < prefix ? 0 : prefix + this.bodyLength(chunk, at);
    this.#cut = this.#allocate(have);
    chunk.copy(this.#cut, 0, at);
    this.incompleteBytes = have;
    if (this.#now !== undefined) this.incompleteSinceMs = this.#now();
  }

  /** Memory for a cut frame with `have` bytes received; a cut prefix moves once its length is known. */
  #allocate(have: number): Buffer {
    const total = this.#cutTotal === 0 ? this.#prefixBytes : this.#cutTotal;
    return Buffer.allocUnsafe(Math.min(total, Math.max(this.#promptBytes, have * GROWTH)));
  }

  #continueCut(chunk: Buffer, at: number): number {
    if (this.#cutTotal > 0) return this.#finishCut(this.#append(chunk, at, this.#cutTotal));
    const next = this.#append(chunk, at, this.#prefixBytes);
    if (this.incompleteBytes < this.#prefixBytes) return next;
    this.#cutTotal = this.#prefixBytes + this.bodyLength(this.#cut as Buffer, 0);
    // a frame with an empty body is whole with its prefix
    return this.#finishCut(next);
  }

  #finishCut(next: number): number {
    const total = this.#cutTotal;
    if (this.incompleteBytes < total) return next;
    const frame = this.#cut as Buffer;
    this.#cut = undefined;
    this.incompleteBytes = 0;
    this.deliver(frame, this.#prefixBytes, total, true);
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
      // nothing else has seen it
      freeMemory(cut);
      this.#cut = cut = larger;
    }
    chunk.copy(cut, this.incompleteBytes, at, next);
    this.incompleteBytes = have;
    return next;
  }
}
