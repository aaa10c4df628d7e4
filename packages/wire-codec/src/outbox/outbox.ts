import { giveSlabBack, ownSlab, takeSlab, type Slab } from './slabs.ts';

/** Destination of an {@link Outbox}, such as a socket or an HTTP/2 stream. */
export interface Sink {
  /**
   * Writes `chunk`; calls `done` once, when it was written or has failed, in the order of the writes. `chunk` must
   * not change until then.
   */
  write(chunk: Uint8Array, done: (error?: Error | null) => void): unknown;
}

/** Options of an {@link Outbox}. */
export interface OutboxOptions {
  /** Called when buffered bytes fall below half of `highWaterBytes` after {@link Outbox.commit} returned `false`. */
  readonly onDrain: () => void;
  /** Buffered bytes past which `commit` returns `false`; default 1 MiB. */
  readonly highWaterBytes?: number;
  /** Pending bytes from which a write starts at once instead of at the end of the tick; default 16 KiB. */
  readonly earlyFlushBytes?: number;
  /** Writes in flight from which pending bytes are gathered instead, until their buffer is full; default 8. */
  readonly maxWrites?: number;
}

/** Buffered bytes past which senders should stop. */
const HIGH_WATER_BYTES: number = 1024 * 1024;
/** Buffered bytes past which events are refused with `ERR_OVERLOADED`. */
export const MAX_BUFFERED_BYTES: number = 8 * 1024 * 1024;

// small messages fit into a buffer of the connection's own
const OWN_BYTES = 2 * 1024;
const NOTHING = ownSlab(0);
const EARLY_FLUSH_BYTES = 16 * 1024;
const MAX_WRITES = 8;

/** One write in flight. */
interface Flight {
  readonly slab: Slab;
  readonly length: number;
}

/**
 * Outgoing buffer of a connection: encoders write straight into it, and it makes one write per tick, or one for every
 * 16 KiB, so that nothing is copied twice and no message costs a system call of its own. Callbacks of other sockets each end a
 * tick: after the first write, what follows in the same turn of the event loop is gathered until its end.
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
  /** Set after a write, until a turn of the event loop has ended without any: messages are gathered until the turn's end. */
  #gathers = false;
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

  /** Bytes committed and not yet written. */
  get size(): number {
    return this.#end - this.#start + this.#flying;
  }

  /** Reserves space for `length` more bytes. @returns where in {@link bytes} they begin. */
  reserve(length: number): number {
    if (this.#end + length > this.bytes.length) this.#makeRoom(length);
    return this.#end;
  }

  #makeRoom(length: number): void {
    // written bytes need not be copied; the few in the connection's own buffer are not worth a write
    if (this.#slab !== this.#own) this.#write();
    const slab = this.#slab;
    const waiting = this.#end - this.#start;
    if (slab.flying === 0 && waiting + length <= slab.bytes.length) {
      slab.bytes.copyWithin(0, this.#start, this.#end);
    } else {
      const next = takeSlab(waiting === 0 ? length : 2 * waiting + length, slab !== this.#own);
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

  /** Commits the bytes up to `end`. @returns `false` once more than the high-water mark is buffered. */
  commit(end: number): boolean {
    this.#end = end;
    const waiting = end - this.#start;
    if (waiting >= this.#early) this.flush();
    else if (waiting > 0 && !this.#scheduled && !this.#gathers && this.#flights.length < this.#maxWrites) {
      this.#scheduled = true;
      process.nextTick(this.#onTick);
    }
    if (this.size > this.#highWater) this.#full = true;
    return !this.#full;
  }

  readonly #onTick = (): void => {
    this.#scheduled = false;
    if (this.#flights.length < this.#maxWrites) this.#write();
    // where writes in flight hold it back, the end of one of them flushes
    if (this.#end > this.#start) return;
    this.#gathers = true;
    setImmediate(this.#onTurn);
  };

  readonly #onTurn = (): void => {
    this.#gathers = false;
    if (this.#end > this.#start) this.#onTick();
  };

  /**
   * Runs `fill` while writes are suspended; if it throws, its bytes are removed and the error is rethrown. A nested one
   * removes only its own; writes resume after the outermost.
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

  /** Starts a write of the pending bytes, unless `maxWrites` are in flight. */
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
      if (slab !== this.#own) this.#use(this.#own);
    }
  }

  #settleEmpty(): void {
    const done = this.#whenEmpty;
    this.#whenEmpty = undefined;
    done?.();
  }

  /** Drops everything and stops writing, for a sink that is gone. */
  discard(): void {
    this.#failed = true;
    this.#start = this.#end = this.#flying = 0;
    this.#flights = [];
    this.#whenEmpty = undefined;
    // a write in flight may still read its slab, so it is not reused
    this.#slab = NOTHING;
    this.bytes = NOTHING.bytes;
  }

  /** Calls `done` once everything is written; at once if nothing is pending. Not called after a failure of the sink. */
  whenEmpty(done: () => void): void {
    this.#whenEmpty = done;
    if (this.size === 0) this.#settleEmpty();
    else this.flush();
  }
}
