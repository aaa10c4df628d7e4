/** Records that may share a bucket. More come only of ids that were chosen for it, and those are kept elsewhere. */
const MAX_CHAIN = 16;

// One row is half a line of the processor's cache: what is looked at together lies together.
const ROW = 8;
const HASH = 0;
const LIVE = 1;
/** The next row of the same bucket, plus 1: 0 is none. */
const NEXT = 2;

/** Places in a row for the user of a ring; each holds a 32-bit integer. */
export const RECORD = { segment: 3, offset: 4, length: 5, owner: 6, flags: 7 } as const;

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
  /** The first row of each bucket, plus 1. */
  readonly #heads: Int32Array;
  /** Places of the oldest record and of the next to come, in the order of all that ever came. */
  #first = 0;
  #end = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.#rows = new Int32Array(capacity * ROW);
    this.#times = new Float64Array(capacity);
    this.#heads = new Int32Array(capacity);
  }

  /** Whether no row is free; rows of removed records behind the oldest one are not. */
  get isFull(): boolean {
    return this.#end - this.#first === this.capacity;
  }

  /** The record that came first; −1 where there is none. */
  get oldest(): number {
    return this.size === 0 ? -1 : this.#first & (this.capacity - 1);
  }

  get(row: number, field: (typeof RECORD)[keyof typeof RECORD]): number {
    return this.#rows[row * ROW + field] as number;
  }

  set(row: number, field: (typeof RECORD)[keyof typeof RECORD], value: number): void {
    this.#rows[row * ROW + field] = value;
  }

  hashOf(row: number): number {
    return this.#rows[row * ROW + HASH] as number;
  }

  /** When a record came, in milliseconds. */
  timeOf(row: number): number {
    return this.#times[row] as number;
  }

  #nextOf(row: number): number {
    return (this.#rows[row * ROW + NEXT] as number) - 1;
  }

  #firstOf(hash: number): number {
    return (this.#heads[hash & (this.capacity - 1)] as number) - 1;
  }

  #isLive(row: number): boolean {
    return this.#rows[row * ROW + LIVE] === 1;
  }

  /** The record with this hash; −1 where there is none. */
  find(hash: number): number {
    let row = this.#firstOf(hash);
    while (row >= 0 && this.hashOf(row) !== hash) row = this.#nextOf(row);
    return row;
  }

  /** Adds a record, where there is room. @returns −1 where its hash is there already or too many share its bucket */
  add(hash: number, time: number): number {
    const head = this.#firstOf(hash);
    let chain = 1;
    for (let row = head; row >= 0; row = this.#nextOf(row)) {
      if (this.hashOf(row) === hash || chain === MAX_CHAIN) return -1;
      chain += 1;
    }
    const row = this.#end & (this.capacity - 1);
    this.#end += 1;
    this.size += 1;
    this.#rows[row * ROW + HASH] = hash;
    this.#rows[row * ROW + LIVE] = 1;
    this.#rows[row * ROW + NEXT] = head + 1;
    this.#heads[hash & (this.capacity - 1)] = row + 1;
    this.#times[row] = time;
    return row;
  }

  remove(row: number): void {
    const hash = this.hashOf(row);
    const after = this.#nextOf(row) + 1;
    let at = this.#firstOf(hash);
    if (at === row) this.#heads[hash & (this.capacity - 1)] = after;
    else {
      for (let next = this.#nextOf(at); next !== row; next = this.#nextOf(at)) at = next;
      this.#rows[at * ROW + NEXT] = after;
    }
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
