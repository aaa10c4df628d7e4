/** How far from its place an entry may lie. More come only of one hash that is used again and again, or were chosen for it. */
const MAX_STEPS = 32;

/**
 * Rows by hash, of which one hash can have several: a table with linear probing in one typed array, so that a look at it is
 * one line of the processor's cache. At most half of it is used.
 */
export class HashIndex {
  /** Hash and row plus 1 in turn; 0 for a free place. */
  readonly #table: Int32Array;
  readonly #mask: number;

  /** @param capacity how many rows it must take; a power of two */
  constructor(capacity: number) {
    this.#table = new Int32Array(capacity * 4);
    this.#mask = capacity * 2 - 1;
  }

  #rowAt(place: number): number {
    return (this.#table[place * 2 + 1] as number) - 1;
  }

  #hashAt(place: number): number {
    return this.#table[place * 2] as number;
  }

  #put(place: number, hash: number, row: number): void {
    this.#table[place * 2] = hash;
    this.#table[place * 2 + 1] = row + 1;
  }

  /** One row of a hash; −1 where there is none. */
  find(hash: number): number {
    for (let place = hash & this.#mask; this.#rowAt(place) >= 0; place = (place + 1) & this.#mask)
      if (this.#hashAt(place) === hash) return this.#rowAt(place);
    return -1;
  }

  /** Every row of a hash. */
  findAll(hash: number): number[] {
    const rows: number[] = [];
    for (let place = hash & this.#mask; this.#rowAt(place) >= 0; place = (place + 1) & this.#mask)
      if (this.#hashAt(place) === hash) rows.push(this.#rowAt(place));
    return rows;
  }

  /** Adds a row. @returns `false` where too many lie where it has its place */
  add(hash: number, row: number): boolean {
    let place = hash & this.#mask;
    for (let steps = 0; this.#rowAt(place) >= 0; steps++, place = (place + 1) & this.#mask)
      if (steps === MAX_STEPS) return false;
    this.#put(place, hash, row);
    return true;
  }

  /** Removes a row that is there; what lies behind it moves up, so that no search ends before it. */
  remove(hash: number, row: number): void {
    let free = hash & this.#mask;
    while (this.#rowAt(free) !== row) free = (free + 1) & this.#mask;
    for (let place = (free + 1) & this.#mask; this.#rowAt(place) >= 0; place = (place + 1) & this.#mask) {
      const home = this.#hashAt(place) & this.#mask;
      // an entry may not move in front of its own place
      if (((place - home) & this.#mask) < ((place - free) & this.#mask)) continue;
      this.#put(free, this.#hashAt(place), this.#rowAt(place));
      free = place;
    }
    this.#put(free, 0, -1);
  }
}
