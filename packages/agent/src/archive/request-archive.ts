import type { Connection, EncodedMessage, RequestHeaders } from '@agentwire/core';
import { ByteSegments, SEGMENT_BYTES } from './byte-segments.ts';
import { Owners } from './owners.ts';
import { RECORD, RecordRing } from './record-ring.ts';

const FIRST_CAPACITY = 1024;
/** How many of the youngest are kept as objects too, since most later events come soon; a power of two. */
const RECENT = 64;
/** What stays an object, and its estimated memory. */
interface Pinned<T> {
  readonly kept: T;
  readonly bytes: number;
}

/** What comes out of the archive. */
export interface Restored<T> {
  readonly connection: Connection;
  /** When it was put in, in milliseconds of the caller's clock. */
  readonly time: number;
  /** What was put in, if that was not long ago or it was pinned. */
  readonly recent: T | undefined;
  /** Otherwise the head, as it was received. */
  readonly head: RequestHeaders | undefined;
}

/**
 * Requests that were answered and of which nothing but the head may be needed again, kept as the bytes that came.
 *
 * As objects, a hundred thousand requests are some million strings, which the garbage collector copies and marks while new
 * ones come: a proxy that sends nothing but heads would get half the answers. As bytes they cost one copy.
 */
export class RequestArchive<T> {
  #ring = new RecordRing(FIRST_CAPACITY);
  #bytes = new ByteSegments();
  readonly #owners = new Owners();
  readonly #recent: (T | undefined)[] = Array.from({ length: RECENT }, () => undefined);
  readonly #recentRows: Int32Array = new Int32Array(RECENT).fill(-1);
  /** What has to stay an object, by row. */
  #pinned = new Map<number, Pinned<T>>();
  #pinnedBytes = 0;

  get size(): number {
    return this.#ring.size;
  }

  /** Memory that is taken, in bytes. */
  get bytes(): number {
    return this.#bytes.count * SEGMENT_BYTES + this.#pinnedBytes;
  }

  /** When the oldest was put in; infinite where there is none. */
  get oldestTime(): number {
    const row = this.#ring.oldest;
    return row < 0 ? Infinity : this.#ring.timeOf(row);
  }

  /**
   * Stores the head that `connection` is delivering.
   *
   * @returns `false` if the delivery is over, the head is too long, or very many heads of its hash are stored
   */
  put(hash: number, connection: Connection, encoded: EncodedMessage, kept: T, time: number): boolean {
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
    ring.set(row, RECORD.owner, this.#owners.use(connection, encoded));
    bytes.offset += length;
    this.#recent[row & (RECENT - 1)] = kept;
    this.#recentRows[row & (RECENT - 1)] = row;
    return true;
  }

  /** What was put in at `time` is no longer what was received, so it has to come out as it is; it takes `bytes`. */
  pin(hash: number, time: number, kept: T, bytes: number): void {
    // since then it may have been forgotten, and its id used again
    const row = this.#ring.findAll(hash).find((one) => this.#ring.timeOf(one) === time);
    if (row === undefined) return;
    this.#unpin(row);
    this.#pinned.set(row, { kept, bytes });
    this.#pinnedBytes += bytes;
  }

  #unpin(row: number): void {
    if (this.#pinned.size === 0) return;
    this.#pinnedBytes -= this.#pinned.get(row)?.bytes ?? 0;
    this.#pinned.delete(row);
  }

  /** Takes out one that has this hash. */
  take(hash: number): Restored<T> | undefined {
    const ring = this.#ring;
    const row = ring.find(hash);
    if (row < 0) return undefined;
    const recent = this.#pinned.get(row)?.kept ?? this.#recentOf(row);
    const { connection, encoded } = this.#owners.release(ring.get(row, RECORD.owner));
    const again = recent === undefined ? encoded.decode(this.#view(row)) : undefined;
    const time = ring.timeOf(row);
    this.#remove(row);
    return { connection, time, recent, head: again?.type === 'requestHeaders' ? again : undefined };
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

  /** Forgets the oldest. */
  dropOldest(): void {
    const row = this.#ring.oldest;
    if (row < 0) return;
    this.#owners.release(this.#ring.get(row, RECORD.owner));
    this.#remove(row);
  }

  clear(): void {
    while (this.#ring.size > 0) this.dropOldest();
  }

  /** Grows, or where records that were removed take most of the room, moves the others together. */
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
        // the order of what came decides where it lies, so that one in very many may find no place now
        this.#owners.release(from.get(row, RECORD.owner));
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
