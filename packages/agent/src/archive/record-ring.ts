import { HashIndex } from './hash-index.ts';

// One row is half a line of the processor's cache: what is looked at together lies together.
const ROW = 8;
const HASH = 0;
const LIVE = 1;

/** Places in a row for the user of a ring; each holds a 32-bit integer. */
export const RECORD = { segment: 2, offset: 3, length: 4, owner: 5 } as const;

type Field = (typeof RECORD)[keyof typeof RECORD];

/**
 * Records in the order in which they came, found by hash and removed from anywhere. All of it are numbers in typed arrays,
 * which the garbage collector never looks at, however many records there are. A record is named by its row.
 */
export class RecordRing {
  /** A power of two. */
  readonly capacity: number;
  /** Records that are there. */
  size = 0;
  readonly #rows: Int32Array;
  readonly #times: Float64Array;
  readonly #index: HashIndex;
  /** Places of the oldest record and of the next to come, in the order of all that ever came. */
  #first = 0;
  #end = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.#rows = new Int32Array(capacity * ROW);
    this.#times = new Float64Array(capacity);
    this.#index = new HashIndex(capacity);
  }

  /** Whether no row is free; rows of removed records behind the oldest one are not. */
  get isFull(): boolean {
    return this.#end - this.#first === this.capacity;
  }

  /** The record that came first; −1 where there is none. */
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

  /** When a record came, in milliseconds. */
  timeOf(row: number): number {
    return this.#times[row] as number;
  }

  #isLive(row: number): boolean {
    return this.#rows[row * ROW + LIVE] === 1;
  }

  /** A record with this hash; −1 where there is none. */
  find(hash: number): number {
    return this.#index.find(hash);
  }

  /** Every record with this hash. */
  findAll(hash: number): number[] {
    return this.#index.findAll(hash);
  }

  /** Adds a record, where there is room. @returns −1 where the index cannot take it */
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

  /** All records, the oldest first. */
  *rows(): IterableIterator<number> {
    for (let place = this.#first; place < this.#end; place++) {
      const row = place & (this.capacity - 1);
      if (this.#isLive(row)) yield row;
    }
  }
}
