import { randomBytes } from 'node:crypto';
import type { Clock, Decision, RequestHead } from '@agentwire/core';
import { deepFreeze, OPTION, type OptionRows, type Resolved } from '@agentwire/core/internal';
import { VaryKey } from './vary-key.ts';

/** Settings of a cache of decisions, for each agent. */
export interface DecisionCacheOptions {
  /** Decisions kept; default 10 000. Past it the least recently used one is evicted. */
  readonly maxEntries?: number | undefined;
  /** Bytes of the decisions kept, four for each character as JSON and 512 for each decision; default 16 MiB. Past it as for `maxEntries`. */
  readonly maxBytes?: number | undefined;
  /** Longest time that a decision is kept, in milliseconds, whatever the agent allows; default 60 000. */
  readonly maxTtlMs?: number | undefined;
}

/** Table of {@link DecisionCacheOptions}. */
export const DECISION_CACHE_TABLE: OptionRows<DecisionCacheOptions> = {
  maxEntries: { check: OPTION.integer(1, 10_000_000), default: 10_000 },
  maxBytes: { check: OPTION.integer(1_024, 2 ** 36), default: 16 * 1024 ** 2 },
  maxTtlMs: { check: OPTION.integer(1, 86_400_000), default: 60_000 },
};

/** Tag in the audit of a decision that comes from a cache. */
const CACHED_TAG = 'agentwire:cached';
/** Decisions that caches keep. By identity, because an agent could write the tag. */
const KEPT = new WeakSet<Decision>();

/** Returns whether a decision comes from a cache. */
export function isCachedDecision(decision: Decision): boolean {
  return KEPT.has(decision);
}

/** Sets of names that decisions vary on, per agent: each is one hash per request. Past it the oldest one is forgotten. */
const MAX_VARY_SETS = 8;
const ENTRY_BYTES = 512;
/** Bytes in memory of one character of a decision's JSON: most of its texts are short, and each is an object. */
const BYTES_PER_CHARACTER = 4;

/** Values of an audit may be whole numbers past 2^53, which JSON.stringify refuses. */
const writeBigint = (_name: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value);

interface Entry {
  readonly decision: Decision;
  readonly until: number;
  readonly bytes: number;
}

/** Decisions of one agent by all that they depend on, bounded by count and bytes; the least recently used one is evicted first. */
export class DecisionCache {
  /** Changes with {@link clear}: a decision that was asked for before is not stored. */
  generation = 0;
  readonly #options: Resolved<DecisionCacheOptions>;
  readonly #clock: Clock;
  readonly #salt: string = randomBytes(16).toString('hex');
  /** In the order of their last use. */
  readonly #entries = new Map<string, Entry>();
  #varies: readonly VaryKey[] = [];
  #bytes = 0;

  constructor(options: Resolved<DecisionCacheOptions>, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  /** Decisions kept, expired ones included. */
  get size(): number {
    return this.#entries.size;
  }

  /** Bytes of the decisions kept, estimated. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Returns the decision for a checked head. */
  find(head: RequestHead): Decision | undefined {
    for (const vary of this.#varies) {
      const key = vary.of(head);
      const entry = this.#entries.get(key);
      if (entry === undefined) continue;
      this.#remove(key, entry);
      if (entry.until <= this.#clock.now()) continue;
      this.#add(key, entry);
      return entry.decision;
    }
    return undefined;
  }

  /** Keeps a copy of a decision on a checked head for as long as it says, tagged as cached. */
  store(head: RequestHead, { cache, ...decision }: Decision): void {
    if (cache === undefined) return;
    const { maxEntries, maxBytes, maxTtlMs } = this.#options;
    const tags = [...(decision.audit?.tags ?? []), CACHED_TAG];
    // the caller of this request may change what it was given
    const copy = structuredClone({ ...decision, audit: { ...decision.audit, tags } });
    const bytes = ENTRY_BYTES + BYTES_PER_CHARACTER * JSON.stringify(copy, writeBigint).length;
    if (bytes > maxBytes) return;
    const key = this.#varyOf(cache.vary).of(head);
    const known = this.#entries.get(key);
    if (known !== undefined) this.#remove(key, known);
    const until = this.#clock.now() + Math.min(cache.ttlMs, maxTtlMs);
    KEPT.add(copy);
    this.#add(key, { decision: deepFreeze(copy), until, bytes });
    for (const [oldest, entry] of this.#entries) {
      if (this.#entries.size <= maxEntries && this.#bytes <= maxBytes) break;
      this.#remove(oldest, entry);
    }
  }

  #varyOf(vary: readonly string[]): VaryKey {
    const made = new VaryKey(vary, this.#salt);
    const known = this.#varies.find(({ name }) => name === made.name);
    if (known === undefined) this.#varies = [...this.#varies.slice(1 - MAX_VARY_SETS), made];
    return known ?? made;
  }

  #add(key: string, entry: Entry): void {
    this.#entries.set(key, entry);
    this.#bytes += entry.bytes;
  }

  #remove(key: string, { bytes }: Entry): void {
    this.#entries.delete(key);
    this.#bytes -= bytes;
  }

  /** Removes expired decisions. */
  sweep(): void {
    const now = this.#clock.now();
    for (const [key, entry] of this.#entries) if (entry.until <= now) this.#remove(key, entry);
  }

  /** Removes every decision, and refuses those that were asked for before. */
  clear(): void {
    this.generation += 1;
    this.#entries.clear();
    this.#varies = [];
    this.#bytes = 0;
  }
}
