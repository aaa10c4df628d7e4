import { giveSlabBack, ownSlab, takeSlab, type Slab } from './slabs.ts';

/** Where an {@link Outbox} writes to: a socket and an HTTP/2 stream both fit. */
export interface Sink {
  /**
   * Writes `chunk`; calls `done` once, when it has been handed on or has failed, in the order of the writes. `chunk` must
   * not change until then.
   */
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
  /** Writes under way from which the rest waits and is gathered, unless its buffer is full; default 8. */
  readonly maxWrites?: number;
}

/** Buffered bytes from which senders are told to stop. */
export const HIGH_WATER_BYTES: number = 1024 * 1024;
/** Buffered bytes past which events are refused with `ERR_OVERLOADED`. */
export const MAX_BUFFERED_BYTES: number = 8 * 1024 * 1024;

// A connection that says little gets by with a little of its own.
const OWN_BYTES = 2 * 1024;
const NOTHING = ownSlab(0);
const EARLY_FLUSH_BYTES = 16 * 1024;
const MAX_WRITES = 8;

/** One write under way. */
interface Flight {
  readonly slab: Slab;
  readonly length: number;
}

/**
 * The one outgoing buffer of a connection: encoders write straight into it, and it makes one write a tick, or one for
 * every 16 KiB, so nothing is copied twice and no message costs a system call of its own.
 *
 * Encoders do `const at = outbox.reserve(n)`, fill `outbox.bytes` from `at`, and `outbox.commit(end)`.
 */
export class Outbox {
  /** The buffer to write into; changes with every {@link reserve}. */
  bytes: Buffer;
  readonly #own: Slab = ownSlab(OWN_BYTES);
  #slab: Slab = this.#own;
  #end = 0;
  #start = 0;
  #flying = 0;
  #flights: Flight[] = [];
  #scheduled = false;
  #held = false;
  #full = false;
  #failed = false;
  #whenEmpty: (() => void) | undefined;
  readonly #sink: Sink;
  readonly #onDrain: () => void;
  readonly #highWater: number;
  readonly #early: number;
  readonly #maxWrites: number;

  constructor(sink: Sink, options: OutboxOptions) {
    this.bytes = this.#slab.bytes;
    this.#sink = sink;
    this.#onDrain = options.onDrain;
    this.#highWater = options.highWaterBytes ?? HIGH_WATER_BYTES;
    this.#early = options.earlyFlushBytes ?? EARLY_FLUSH_BYTES;
    this.#maxWrites = options.maxWrites ?? MAX_WRITES;
  }

  /** Bytes accepted and not yet handed on. */
  get size(): number {
    return this.#end - this.#start + this.#flying;
  }

  /** Makes room for `length` more bytes. @returns where in {@link bytes} they begin. */
  reserve(length: number): number {
    if (this.#end + length > this.bytes.length) this.#makeRoom(length);
    return this.#end;
  }

  #makeRoom(length: number): void {
    // what leaves need not be copied to where there is room; the little in the own buffer is not worth a write
    if (this.#slab !== this.#own) this.#write();
    const slab = this.#slab;
    const waiting = this.#end - this.#start;
    if (slab.flying === 0 && waiting + length <= slab.bytes.length) {
      slab.bytes.copyWithin(0, this.#start, this.#end);
    } else {
      const next = takeSlab(waiting === 0 ? length : 2 * waiting + length);
      slab.bytes.copy(next.bytes, 0, this.#start, this.#end);
      this.#use(next);
    }
    this.#start = 0;
    this.#end = waiting;
  }

  #use(next: Slab): void {
    const before = this.#slab;
    this.#slab = next;
    this.bytes = next.bytes;
    if (before.flying === 0) giveSlabBack(before);
  }

  /** Says that bytes up to `end` are filled. @returns `false` once more than the high-water mark is buffered. */
  commit(end: number): boolean {
    this.#end = end;
    const waiting = end - this.#start;
    if (waiting >= this.#early) this.flush();
    else if (waiting > 0 && !this.#scheduled && this.#flights.length < this.#maxWrites) {
      this.#scheduled = true;
      process.nextTick(this.#onTick);
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
    const waiting = this.#end - this.#start;
    const outermost = !this.#held;
    this.#held = true;
    try {
      fill();
    } catch (error) {
      this.#end = this.#start + waiting;
      throw error;
    } finally {
      this.#held = !outermost;
      if (outermost) this.commit(this.#end);
    }
  }

  /** Starts a write of what waits, unless as many as may be are under way. */
  flush(): void {
    if (this.#flights.length < this.#maxWrites) this.#write();
  }

  #write(): void {
    const length = this.#end - this.#start;
    if (length === 0 || this.#held || this.#failed) return;
    const slab = this.#slab;
    const chunk = slab.bytes.subarray(this.#start, this.#end);
    this.#start = this.#end;
    this.#flying += length;
    slab.flying += 1;
    this.#flights.push({ slab, length });
    this.#sink.write(chunk, this.#onWritten);
  }

  readonly #onWritten = (error?: Error | null): void => {
    const flight = this.#failed ? undefined : this.#flights.shift();
    if (flight === undefined) return;
    const { slab, length } = flight;
    this.#flying -= length;
    if (error) {
      this.#failed = true;
      return;
    }
    slab.flying -= 1;
    if (slab.flying === 0) this.#free(slab);
    this.flush();
    if (this.#full && this.size < this.#highWater / 2) {
      this.#full = false;
      this.#onDrain();
    }
    if (this.size === 0) this.#settleEmpty();
  };

  #free(slab: Slab): void {
    if (slab !== this.#slab) giveSlabBack(slab);
    else if (this.#start === this.#end) {
      this.#start = this.#end = 0;
      this.#use(this.#own);
    }
  }

  #settleEmpty(): void {
    const done = this.#whenEmpty;
    this.#whenEmpty = undefined;
    done?.();
  }

  /** Drops everything; nothing is written any more. For when the sink is gone. */
  discard(): void {
    this.#failed = true;
    this.#start = this.#end = this.#flying = 0;
    this.#flights = [];
    this.#whenEmpty = undefined;
    // its slab may still be read by a write under way, so it goes to nobody else
    this.#slab = NOTHING;
    this.bytes = NOTHING.bytes;
  }

  /** Calls `done` once everything has been handed on; at once if nothing waits. A failed sink never calls it. */
  whenEmpty(done: () => void): void {
    this.#whenEmpty = done;
    if (this.size === 0) this.#settleEmpty();
    else this.flush();
  }
}
