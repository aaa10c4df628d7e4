import { randomBytes } from 'node:crypto';
import type { RequestId } from '@agentwire/core';

/** Per-process seed: clients choose ids, and without it they could choose ids that share a hash. */
const SECRET = randomBytes(8);
const SEED = SECRET.readInt32LE(0);
const MULTIPLIER = SECRET.readInt32LE(4) | 1;

function mix(from: number, text: string): number {
  let hash = from;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), MULTIPLIER);
  return hash ^ (hash >>> 15);
}

let lastProxy = '';
let seedOfLast = mix(SEED, lastProxy);

/** Returns the hash of a request id of one proxy, a 32-bit integer. */
export function hashOfId(proxy: string, id: RequestId): number {
  if (proxy !== lastProxy) {
    lastProxy = proxy;
    seedOfLast = mix(SEED, proxy);
  }
  return mix(seedOfLast, String(id));
}

/** Longest probe sequence. More than 32 steps happen only for one hash used again and again, or for chosen hashes. */
const MAX_STEPS = 32;

/**
 * Multimap from hash to row: open addressing with linear probing in one typed array, at most half full, so that a lookup
 * touches one cache line.
 */
export class HashIndex {
  /** Hash and row + 1 alternately; 0 for an empty place. */
  readonly #table: Int32Array;
  readonly #mask: number;

  /** @param capacity number of rows it must take; a power of two */
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

  /** Returns one row of a hash, or −1. */
  find(hash: number): number {
    for (let place = hash & this.#mask; this.#rowAt(place) >= 0; place = (place + 1) & this.#mask)
      if (this.#hashAt(place) === hash) return this.#rowAt(place);
    return -1;
  }

  /** Returns every row of a hash. */
  findAll(hash: number): number[] {
    const rows: number[] = [];
    for (let place = hash & this.#mask; this.#rowAt(place) >= 0; place = (place + 1) & this.#mask)
      if (this.#hashAt(place) === hash) rows.push(this.#rowAt(place));
    return rows;
  }

  /** Adds a row. @returns `false` if its probe sequence would be too long */
  add(hash: number, row: number): boolean {
    let place = hash & this.#mask;
    for (let steps = 0; this.#rowAt(place) >= 0; steps++, place = (place + 1) & this.#mask)
      if (steps === MAX_STEPS) return false;
    this.#put(place, hash, row);
    return true;
  }

  /** Removes a row that is there, and moves those behind it up, so that no search ends too early. */
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
