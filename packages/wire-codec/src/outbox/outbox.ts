import { giveSlab, SLAB_BYTES, takeSlab } from './slabs.ts';

/** Where an {@link Outbox} writes to: a socket and an HTTP/2 stream both fit. */
export interface Sink {
  /** Writes `chunk`; calls `done` once, when it has been handed on or has failed. `chunk` must not change until then. */
  write(chunk: Uint8Array, done: (error?: Error | null) => void): unknown;
}

/** What an {@link Outbox} needs to know. */
export interface OutboxOptions {
  /** Called when buffered bytes fall below half of `highWaterBytes` after {@link Outbox.commit} returned `false`. */
  readonly onDrain: () => void;
  /** Buffered bytes from which `commit` says stop; default 1 MiB. */
  readonly highWaterBytes?: number;
  /** Waiting bytes from which a write starts at once instead of at the end of the tick; default 16 KiB. */
  readonly earlyFlushBytes?: number;
}

/** Buffered bytes from which senders are told to stop. */
export const HIGH_WATER_BYTES: number = 1024 * 1024;
/** Buffered bytes past which events are refused with `ERR_OVERLOADED`. */
export const MAX_BUFFERED_BYTES: number = 8 * 1024 * 1024;

// A connection that has only shaken hands keeps no slab: it starts with a little and gets one with its first real write.
const FIRST_BYTES = 2 * 1024;
/** Waiting bytes up to which they are moved to where there is room, so that they leave in one write with what follows. */
const WORTH_MOVING_BYTES = 16 * 1024;
const NOTHING = Buffer.alloc(0);
const EARLY_FLUSH_BYTES = 16 * 1024;

/** Waiting bytes of a buffer that is full. */
interface Waiting {
  readonly bytes: Buffer;
  readonly start: number;
  end: number;
}

/**
 * The one outgoing buffer of a connection: encoders write straight into it, and it makes one write a tick with at most
 * one write under way, so nothing is copied twice and no message costs a system call of its own.
 *
 * Encoders do `const at = outbox.reserve(n)`, fill `outbox.bytes` from `at`, and `outbox.commit(end)`.
 */
export class Outbox {
  /** The buffer to write into; changes with every {@link reserve}. */
  bytes: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #end = 0;
  #start = 0;
  #flying = 0;
  #flyingSlab: Buffer | undefined;
  // what waits in buffers before the one that is written into, the oldest first
  readonly #queue: Waiting[] = [];
  #queued = 0;
  #scheduled = false;
  #held = false;
  #full = false;
  #failed = false;
  #whenEmpty: (() => void) | undefined;
  readonly #sink: Sink;
  readonly #onDrain: () => void;
  readonly #highWater: number;
  readonly #early: number;

  constructor(sink: Sink, options: OutboxOptions) {
    this.#sink = sink;
    this.#onDrain = options.onDrain;
    this.#highWater = options.highWaterBytes ?? HIGH_WATER_BYTES;
    this.#early = options.earlyFlushBytes ?? EARLY_FLUSH_BYTES;
  }

  /** Bytes accepted and not yet handed on. */
  get size(): number {
    return this.#end - this.#start + this.#queued + this.#flying;
  }

  /** Makes room for `length` more bytes. @returns where in {@link bytes} they begin. */
  reserve(length: number): number {
    if (this.#end + length > this.bytes.length) this.#grow(length);
    return this.#end;
  }

  #grow(length: number): void {
    const { bytes } = this;
    const waiting = this.#end - this.#start;
    const move = waiting <= WORTH_MOVING_BYTES;
    if (move && waiting + length <= bytes.length && this.#flyingSlab !== bytes) {
      bytes.copyWithin(0, this.#start, this.#end);
    } else {
      this.bytes = takeSlab(move ? waiting + length : length);
      if (move) bytes.copy(this.bytes, 0, this.#start, this.#end);
      else this.#enqueue({ bytes, start: this.#start, end: this.#end });
      if (move && bytes !== this.#flyingSlab) giveSlab(bytes);
    }
    this.#start = 0;
    this.#end = move ? waiting : 0;
  }

  #enqueue(waiting: Waiting): void {
    this.#queue.push(waiting);
    this.#queued += waiting.end - waiting.start;
  }

  /** Says that bytes up to `end` are filled. @returns `false` once more than the high-water mark is buffered. */
  commit(end: number): boolean {
    this.#end = end;
    const waiting = end - this.#start + this.#queued;
    if (this.#flying === 0 && waiting > 0 && !this.#failed) {
      if (waiting >= this.#early) this.flush();
      else if (!this.#scheduled) {
        this.#scheduled = true;
        process.nextTick(this.#onTick);
      }
    }
    if (this.size > this.#highWater) this.#full = true;
    return !this.#full;
  }

  readonly #onTick = (): void => {
    this.#scheduled = false;
    this.flush();
  };

  /**
   * Runs `fill` while nothing leaves; if it throws, what it wrote is taken back and the error passed on. One inside
   * another takes back only its own; nothing leaves before the outermost ends.
   */
  transaction(fill: () => void): void {
    const waiting = this.#end - this.#start + this.#queued;
    const outermost = !this.#held;
    this.#held = true;
    try {
      fill();
    } catch (error) {
      this.#takeBack(this.#end - this.#start + this.#queued - waiting);
      throw error;
    } finally {
      this.#held = !outermost;
      if (outermost) this.commit(this.#end);
    }
  }

  /** Forgets the last `excess` bytes that wait. */
  #takeBack(excess: number): void {
    const here = Math.min(excess, this.#end - this.#start);
    this.#end -= here;
    for (let rest = excess - here; rest > 0;) {
      const last = this.#queue.at(-1);
      if (last === undefined) return;
      const cut = Math.min(rest, last.end - last.start);
      last.end -= cut;
      this.#queued -= cut;
      rest -= cut;
      if (last.end > last.start) return;
      this.#queue.pop();
      if (last.bytes !== this.#flyingSlab) giveSlab(last.bytes);
    }
  }

  /** Starts a write of what waits, unless one is under way. */
  flush(): void {
    if (this.#flying !== 0 || this.#held || this.#failed) return;
    const oldest = this.#queue.shift();
    if (oldest !== undefined) {
      this.#queued -= oldest.end - oldest.start;
      this.#write(oldest.bytes, oldest.start, oldest.end);
    } else if (this.#end > this.#start) {
      const start = this.#start;
      this.#start = this.#end;
      this.#write(this.bytes, start, this.#end);
    }
  }

  #write(bytes: Buffer, start: number, end: number): void {
    this.#flying = end - start;
    this.#flyingSlab = bytes;
    this.#sink.write(bytes.subarray(start, end), this.#onWritten);
  }

  readonly #onWritten = (error?: Error | null): void => {
    if (this.#failed) return;
    const slab = this.#flyingSlab;
    this.#flying = 0;
    this.#flyingSlab = undefined;
    if (error) {
      this.#failed = true;
      return;
    }
    // the rest of a buffer waits before everything else, if it waits at all
    if (slab !== undefined && slab !== this.bytes && slab !== this.#queue[0]?.bytes) giveSlab(slab);
    if (this.#start === this.#end) this.#start = this.#end = 0;
    if (this.bytes.length > SLAB_BYTES && this.#end === 0) this.bytes = takeSlab(SLAB_BYTES);
    this.flush();
    if (this.#full && this.size < this.#highWater / 2) {
      this.#full = false;
      this.#onDrain();
    }
    if (this.size === 0) this.#settleEmpty();
  };

  #settleEmpty(): void {
    const done = this.#whenEmpty;
    this.#whenEmpty = undefined;
    done?.();
  }

  /** Drops everything; nothing is written any more. For when the sink is gone. */
  discard(): void {
    this.#failed = true;
    this.#start = this.#end = this.#flying = this.#queued = 0;
    this.#flyingSlab = this.#whenEmpty = undefined;
    this.#queue.length = 0;
    this.bytes = NOTHING;
  }

  /** Calls `done` once everything has been handed on; at once if nothing waits. A failed sink never calls it. */
  whenEmpty(done: () => void): void {
    this.#whenEmpty = done;
    if (this.size === 0) this.#settleEmpty();
    else this.flush();
  }
}
