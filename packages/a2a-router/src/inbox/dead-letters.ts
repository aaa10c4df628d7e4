import { AgentwireError, type Clock, systemClock } from '@agentwire/core';
import { OPTION, type OptionTable, resolveOptions } from '@agentwire/core/internal';
import type { KernelMessage } from '../message/message.ts';
import { payloadSize } from '../message/payload-size.ts';
import type { Pid } from '../process/pid.ts';
import type { DeadLetter, DeadLetterQuery, DeadLetterReason } from './dead-letter.ts';

/** Options of {@link DeadLetters}. */
export interface DeadLettersOptions {
  /** Letters it keeps at most; the oldest is evicted. 0 keeps none. 0 to 10 000 000, default 10 000. */
  readonly capacity?: number | undefined;
  /** Bytes of payloads and ids that it keeps at most; the oldest letters are evicted. 1024 to 64 GiB, default 64 MiB. */
  readonly maxBytes?: number | undefined;
  /**
   * Letters of one sender that it keeps at most, and in bytes an eighth of `maxBytes`; past that the oldest of the same sender is
   * evicted, so that a sender that is refused again and again evicts only its own. 1 to 10 000 000, default 1000.
   */
  readonly maxPerSource?: number | undefined;
  /** Time. Default: the system clock. */
  readonly clock?: Clock | undefined;
}

const TABLE: OptionTable<DeadLettersOptions> = {
  capacity: { check: OPTION.integer(0, 10_000_000), default: 10_000 },
  maxBytes: { check: OPTION.integer(1024, 64 * 1024 ** 3), default: 64 * 1024 ** 2 },
  maxPerSource: { check: OPTION.integer(1, 10_000_000), default: 1000 },
  clock: { check: OPTION.clock, default: systemClock },
};

const QUERY_TABLE: OptionTable<DeadLetterQuery> = {
  recipient: OPTION.integer(0, Number.MAX_SAFE_INTEGER),
  reason: OPTION.oneOf('target_not_found', 'inbox_full', 'agent_exited', 'governance_denied', 'timeout'),
  limit: { check: OPTION.integer(1, 10_000_000), default: 100 },
};

interface Kept {
  readonly letter: DeadLetter;
  readonly bytes: number;
  readonly source: Source;
}

interface Source {
  readonly name: string | number;
  readonly numbers: Set<number>;
  bytes: number;
}

/** Bytes of a letter besides its payload, roughly. */
const OVERHEAD = 256;
const SHARES = 8;

/** Messages that were not received, bounded in number, in bytes and per sender, each with its recipient and the reason. */
export class DeadLetters {
  /** Letters it keeps at most. */
  readonly capacity: number;
  readonly #maxBytes: number;
  readonly #maxPerSource: number;
  readonly #clock: Clock;
  readonly #letters = new Map<number, Kept>();
  readonly #sources = new Map<string | number, Source>();
  readonly #redriving = new Set<number>();
  #bytes = 0;
  #next = 1;
  #total = 0;
  #deliver: ((letter: DeadLetter) => Promise<unknown>) | undefined;

  constructor(options: DeadLettersOptions = {}) {
    const { capacity, maxBytes, maxPerSource, clock } = resolveOptions('DeadLetters', options, TABLE);
    this.capacity = capacity;
    this.#maxBytes = maxBytes;
    this.#maxPerSource = maxPerSource;
    this.#clock = clock;
  }

  /** Letters it holds now. */
  get size(): number {
    return this.#letters.size;
  }

  /** Bytes that they take, roughly. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Letters it ever took. */
  get total(): number {
    return this.#total;
  }

  /** Takes a message in; one that alone is over the bounds is only counted. */
  add(message: KernelMessage, recipient: Pid | undefined, reason: DeadLetterReason): void {
    this.#total += 1;
    const bytes = OVERHEAD + payloadSize(message);
    const share = Math.ceil(this.#maxBytes / SHARES);
    if (this.capacity === 0 || bytes > share) return;
    const source = this.#source(message);
    while (source.numbers.size >= this.#maxPerSource || source.bytes + bytes > share) this.#evict(source.numbers);
    while (this.#letters.size >= this.capacity || this.#bytes + bytes > this.#maxBytes) this.#evict(this.#letters);
    const number = this.#next;
    this.#next += 1;
    const letter = { number, message, recipient, reason, at: this.#clock.wallNow() };
    this.#letters.set(number, { letter, bytes, source });
    // the last letter of the same sender may just have been evicted, and the sender with it.
    this.#sources.set(source.name, source);
    source.numbers.add(number);
    source.bytes += bytes;
    this.#bytes += bytes;
  }

  /** The letters that a query asks for, oldest first. */
  list(query: DeadLetterQuery = {}): DeadLetter[] {
    const { limit } = resolveOptions('a dead letter query', query, QUERY_TABLE);
    const found: DeadLetter[] = [];
    for (const { letter } of this.#letters.values()) {
      if (query.recipient !== undefined && letter.recipient !== query.recipient) continue;
      if (query.reason !== undefined && letter.reason !== query.reason) continue;
      if (found.push(letter) === limit) break;
    }
    return found;
  }

  /**
   * Sends a letter to its one recipient again, and takes it from here once it is delivered.
   *
   * Gate, scope and deadline are asked again, and the chain records it as `ipc.redrive`. Rejects with what stood in the
   * way, and keeps the letter then; unknown numbers are `ERR_INVALID_ARGUMENT`.
   */
  async redrive(number: number): Promise<void> {
    const letter = this.#letters.get(number)?.letter;
    if (letter === undefined) throw new AgentwireError('ERR_INVALID_ARGUMENT', `there is no dead letter ${number}`);
    if (letter.recipient === undefined) {
      throw new AgentwireError('ERR_PROCESS_NOT_FOUND', `dead letter ${number} was for no process in particular`);
    }
    if (this.#deliver === undefined)
      throw new AgentwireError('ERR_INVALID_STATE', 'these dead letters belong to no router');
    if (this.#redriving.has(number))
      throw new AgentwireError('ERR_INVALID_STATE', `dead letter ${number} is being sent again`);
    this.#redriving.add(number);
    try {
      await this.#deliver(letter);
      this.#remove(number);
    } finally {
      this.#redriving.delete(number);
    }
  }

  /** Forgets a letter; false if there is none of that number. */
  discard(number: number): boolean {
    return this.#remove(number);
  }

  /** @internal Called by the router that these belong to. */
  attach(deliver: (letter: DeadLetter) => Promise<unknown>): void {
    this.#deliver = deliver;
  }

  #source({ fromNode, from }: KernelMessage): Source {
    // all processes of another node are one source: a node could invent pids.
    const name = fromNode ?? from;
    return this.#sources.get(name) ?? { name, numbers: new Set(), bytes: 0 };
  }

  #evict(among: { keys(): Iterator<number> & Iterable<number> }): void {
    for (const oldest of among.keys()) {
      this.#remove(oldest);
      return;
    }
  }

  #remove(number: number): boolean {
    const kept = this.#letters.get(number);
    if (kept === undefined) return false;
    const { bytes, source } = kept;
    this.#letters.delete(number);
    this.#bytes -= bytes;
    source.bytes -= bytes;
    source.numbers.delete(number);
    if (source.numbers.size === 0) this.#sources.delete(source.name);
    return true;
  }
}
