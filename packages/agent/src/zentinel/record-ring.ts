import { HashIndex } from './hash-index.ts';

// one row is half a cache line: what is read together lies together
const ROW = 8;
const HASH = 0;
const LIVE = 1;

/** Columns of a row for the user of a ring; each is a 32-bit integer. */
export const RECORD = { segment: 2, offset: 3, length: 4, connection: 5 } as const;

type Field = (typeof RECORD)[keyof typeof RECORD];

/**
 * FIFO of records that can also be found by hash and removed from anywhere. All data is numbers in typed arrays, which the
 * garbage collector never visits, however many records there are. A record is identified by its row.
 */
export class RecordRing {
  /** A power of two. */
  readonly capacity: number;
  /** Number of records. */
  size = 0;
  readonly #rows: Int32Array;
  readonly #times: Float64Array;
  readonly #index: HashIndex;
  /** Positions of the oldest record and of the next one, counted over all that were ever added. */
  #first = 0;
  #end = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.#rows = new Int32Array(capacity * ROW);
    this.#times = new Float64Array(capacity);
    this.#index = new HashIndex(capacity);
  }

  /** `true` if no row is free; rows of removed records behind the oldest one are not free. */
  get isFull(): boolean {
    return this.#end - this.#first === this.capacity;
  }

  /** The row of the oldest record, or −1. */
  get oldest(): number {
    return this.size === 0 ? -1 : this.#first & (this.capacity - 1);
  }

  get(row: number, field: Field): number {
    return this.#rows[row * ROW + field] as number;
  }

  set(row: number, field: Field, value: number): void {
    this.#rows[row * ROW + field] = value;
  }

  hashOf(row: number): number {
    return this.#rows[row * ROW + HASH] as number;
  }

  /** Time at which a record was added, in milliseconds. */
  timeOf(row: number): number {
    return this.#times[row] as number;
  }

  #isLive(row: number): boolean {
    return this.#rows[row * ROW + LIVE] === 1;
  }

  /** Returns a record with this hash, or −1. */
  find(hash: number): number {
    return this.#index.find(hash);
  }

  /** Returns every record with this hash. */
  findAll(hash: number): number[] {
    return this.#index.findAll(hash);
  }

  /** Adds a record to a ring that is not full. @returns its row, or −1 if the index cannot take it */
  add(hash: number, time: number): number {
    const row = this.#end & (this.capacity - 1);
    if (!this.#index.add(hash, row)) return -1;
    this.#end += 1;
    this.size += 1;
    this.#rows[row * ROW + HASH] = hash;
    this.#rows[row * ROW + LIVE] = 1;
    this.#times[row] = time;
    return row;
  }

  remove(row: number): void {
    this.#index.remove(this.hashOf(row), row);
    this.#rows[row * ROW + LIVE] = 0;
    this.size -= 1;
    while (this.#first < this.#end && !this.#isLive(this.#first & (this.capacity - 1))) this.#first += 1;
  }

  /** Iterates over all records, the oldest first. */
  *rows(): IterableIterator<number> {
    for (let position = this.#first; position < this.#end; position++) {
      const row = position & (this.capacity - 1);
      if (this.#isLive(row)) yield row;
    }
  }
}
