import type { Connection, EncodedMessage, RequestHeaders } from '@agentwire/core';
import { ByteSegments, SEGMENT_BYTES } from './byte-segments.ts';
import { ConnectionTable } from './connection-table.ts';
import { RECORD, RecordRing } from './record-ring.ts';

const FIRST_CAPACITY = 1024;
/** Number of the most recent entries that are kept as objects too, since most later events come soon; a power of two. */
const RECENT = 64;

/** An entry that has to stay an object, and its estimated memory in bytes. */
interface Pinned<T> {
  readonly value: T;
  readonly bytes: number;
}

/** An entry that was taken out of the cache. */
export interface LoadedRequest<T> {
  readonly connection: Connection;
  /** Time at which it was stored, in milliseconds of the caller's clock. */
  readonly time: number;
  /** The stored object, if it is among the most recent ones or pinned. */
  readonly value: T | undefined;
  /** Otherwise the request's head, decoded again. */
  readonly head: RequestHeaders | undefined;
}

/**
 * Cache of decided requests of which only the head may be needed again, stored as the bytes that were received.
 *
 * As objects, 100 000 requests are some million strings, which the garbage collector copies and marks while new ones
 * arrive: about half the answers per second for a proxy that sends nothing but heads (`pnpm bench`, 25–50 % of the CPU
 * time). As bytes they cost one copy, and 0.33 GB of memory instead of 1.5 GB.
 */
export class CompactRequestCache<T> {
  #ring = new RecordRing(FIRST_CAPACITY);
  #bytes = new ByteSegments();
  readonly #connections = new ConnectionTable();
  readonly #recent: (T | undefined)[] = Array.from({ length: RECENT }, () => undefined);
  readonly #recentRows: Int32Array = new Int32Array(RECENT).fill(-1);
  /** Entries that have to stay objects, by row. */
  #pinned = new Map<number, Pinned<T>>();
  #pinnedBytes = 0;

  get size(): number {
    return this.#ring.size;
  }

  /** Memory that is taken, in bytes. */
  get bytes(): number {
    return this.#bytes.count * SEGMENT_BYTES + this.#pinnedBytes;
  }

  /** Time at which the oldest entry was stored; infinite for an empty cache. */
  get oldestTime(): number {
    const row = this.#ring.oldest;
    return row < 0 ? Infinity : this.#ring.timeOf(row);
  }

  /**
   * Stores the head that `connection` is delivering.
   *
   * @returns `false` if the delivery is over, the head is too long, or very many heads of its hash are stored
   */
  store(hash: number, connection: Connection, encoded: EncodedMessage, value: T, time: number): boolean {
    if (this.#ring.isFull) this.#makeRoom();
    const bytes = this.#bytes;
    let length = encoded.copyTo(bytes.target, bytes.offset);
    if (length === 0) {
      bytes.advance();
      length = encoded.copyTo(bytes.target, bytes.offset);
    }
    const ring = this.#ring;
    const row = length === 0 ? -1 : ring.add(hash, time);
    if (row < 0) return false;
    ring.set(row, RECORD.segment, bytes.segment);
    ring.set(row, RECORD.offset, bytes.offset);
    ring.set(row, RECORD.length, length);
    ring.set(row, RECORD.connection, this.#connections.use(connection, encoded));
    bytes.offset += length;
    this.#recent[row & (RECENT - 1)] = value;
    this.#recentRows[row & (RECENT - 1)] = row;
    return true;
  }

  /** Keeps the object of the entry that was stored at `time`, because it holds more than its bytes; it takes `bytes`. */
  pin(hash: number, time: number, value: T, bytes: number): void {
    // since then it may have been evicted, and its id used again
    const row = this.#ring.findAll(hash).find((one) => this.#ring.timeOf(one) === time);
    if (row === undefined) return;
    this.#unpin(row);
    this.#pinned.set(row, { value, bytes });
    this.#pinnedBytes += bytes;
  }

  #unpin(row: number): void {
    if (this.#pinned.size === 0) return;
    this.#pinnedBytes -= this.#pinned.get(row)?.bytes ?? 0;
    this.#pinned.delete(row);
  }

  /** Takes out one entry that has this hash. */
  load(hash: number): LoadedRequest<T> | undefined {
    const ring = this.#ring;
    const row = ring.find(hash);
    if (row < 0) return undefined;
    const value = this.#pinned.get(row)?.value ?? this.#recentOf(row);
    const { connection, encoded } = this.#connections.release(ring.get(row, RECORD.connection));
    const decoded = value === undefined ? encoded.decode(this.#view(row)) : undefined;
    const time = ring.timeOf(row);
    this.#remove(row);
    return { connection, time, value, head: decoded?.type === 'requestHeaders' ? decoded : undefined };
  }

  #recentOf(row: number): T | undefined {
    return this.#recentRows[row & (RECENT - 1)] === row ? this.#recent[row & (RECENT - 1)] : undefined;
  }

  #view(row: number): Buffer {
    const ring = this.#ring;
    const [segment, offset] = [ring.get(row, RECORD.segment), ring.get(row, RECORD.offset)];
    return this.#bytes.view(segment, offset, ring.get(row, RECORD.length));
  }

  #remove(row: number): void {
    const at = row & (RECENT - 1);
    if (this.#recentRows[at] === row) {
      this.#recent[at] = undefined;
      this.#recentRows[at] = -1;
    }
    this.#unpin(row);
    this.#ring.remove(row);
    const { oldest } = this.#ring;
    this.#bytes.releaseBefore(oldest < 0 ? this.#bytes.segment : this.#ring.get(oldest, RECORD.segment));
  }

  /** Evicts the oldest entry. */
  evictOldest(): void {
    const row = this.#ring.oldest;
    if (row < 0) return;
    this.#connections.release(this.#ring.get(row, RECORD.connection));
    this.#remove(row);
  }

  clear(): void {
    while (this.#ring.size > 0) this.evictOldest();
  }

  /** Doubles the capacity, or compacts the ring where removed records take more than half of it. */
  #makeRoom(): void {
    const from = this.#ring;
    const grows = from.size * 2 > from.capacity;
    const to = new RecordRing(grows ? from.capacity * 2 : from.capacity);
    const bytes = grows ? this.#bytes : new ByteSegments();
    const pinned = new Map<number, Pinned<T>>();
    this.#pinnedBytes = 0;
    for (const row of from.rows()) {
      const target = to.add(from.hashOf(row), from.timeOf(row));
      if (target < 0) {
        // probe sequences depend on the order of insertion, so that one in very many may find no place now
        this.#connections.release(from.get(row, RECORD.connection));
        continue;
      }
      for (const field of Object.values(RECORD)) to.set(target, field, from.get(row, field));
      const kept = this.#pinned.get(row);
      if (kept !== undefined) {
        pinned.set(target, kept);
        this.#pinnedBytes += kept.bytes;
      }
      if (!grows) this.#moveBytes(this.#view(row), to, target, bytes);
    }
    this.#ring = to;
    this.#bytes = bytes;
    this.#pinned = pinned;
    this.#recentRows.fill(-1);
    this.#recent.fill(undefined);
  }

  #moveBytes(view: Buffer, ring: RecordRing, row: number, bytes: ByteSegments): void {
    if (bytes.target.length - bytes.offset < view.length) bytes.advance();
    ring.set(row, RECORD.segment, bytes.segment);
    ring.set(row, RECORD.offset, bytes.offset);
    bytes.offset += view.copy(bytes.target, bytes.offset);
  }
}
