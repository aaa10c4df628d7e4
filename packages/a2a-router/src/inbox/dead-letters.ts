import { AgentwireError, checkInteger, checkKnownOptions, type Clock, systemClock } from '@agentwire/core';
import type { KernelMessage } from '../message/message.ts';
import type { Pid } from '../process/pid.ts';

/** Why a message was not received. */
export type DeadLetterReason = 'target_not_found' | 'inbox_full' | 'agent_exited' | 'governance_denied' | 'timeout';

/** One message that a recipient did not get. */
export interface DeadLetter {
  /** Number of the dead letter, for {@link DeadLetters.redrive}. */
  readonly number: number;
  /** The message itself. */
  readonly message: KernelMessage;
  /** Who should have got it; undefined when the target named nobody, such as a service without owners. */
  readonly recipient: Pid | undefined;
  /** Why it was not received. */
  readonly reason: DeadLetterReason;
  /** Milliseconds since 1970 at which it came here. */
  readonly at: number;
}

/** What {@link DeadLetters.list} looks for; everything named must hold. */
export interface DeadLetterQuery {
  /** Only letters for this process. */
  readonly recipient?: Pid;
  /** Only letters with this reason. */
  readonly reason?: DeadLetterReason;
  /** How many to give at most, oldest first. Default 100. */
  readonly limit?: number;
}

/** Options of {@link DeadLetters}. */
export interface DeadLettersOptions {
  /** Letters it keeps at most; the oldest gives way. 0 keeps none. Default 10 000. */
  readonly capacity?: number;
  /** Time. Default: the system clock. */
  readonly clock?: Clock;
}

/** Messages that were not received, bounded, each with its recipient and the reason. */
export class DeadLetters {
  /** Letters it keeps at most. */
  readonly capacity: number;
  readonly #clock: Clock;
  readonly #letters = new Map<number, DeadLetter>();
  readonly #redriving = new Set<number>();
  #next = 1;
  #total = 0;
  #deliver: ((message: KernelMessage, recipient: Pid) => Promise<void>) | undefined;

  constructor(options: DeadLettersOptions = {}) {
    checkKnownOptions('DeadLetters', options, ['capacity', 'clock']);
    this.capacity = checkInteger('capacity', options.capacity ?? 10_000, 0, 10_000_000);
    this.#clock = options.clock ?? systemClock;
  }

  /** Letters it holds now. */
  get size(): number {
    return this.#letters.size;
  }

  /** Letters it ever took. */
  get total(): number {
    return this.#total;
  }

  /** Takes a message in. */
  add(message: KernelMessage, recipient: Pid | undefined, reason: DeadLetterReason): void {
    this.#total += 1;
    if (this.capacity === 0) return;
    if (this.#letters.size >= this.capacity) {
      for (const oldest of this.#letters.keys()) {
        this.#letters.delete(oldest);
        break;
      }
    }
    const number = this.#next;
    this.#next += 1;
    this.#letters.set(number, { number, message, recipient, reason, at: this.#clock.wallNow() });
  }

  /** The letters that a query asks for, oldest first. */
  list(query: DeadLetterQuery = {}): DeadLetter[] {
    checkKnownOptions('a dead letter query', query, ['recipient', 'reason', 'limit']);
    const limit = checkInteger('limit', query.limit ?? 100, 1, 10_000_000);
    const found: DeadLetter[] = [];
    for (const letter of this.#letters.values()) {
      if (query.recipient !== undefined && letter.recipient !== query.recipient) continue;
      if (query.reason !== undefined && letter.reason !== query.reason) continue;
      if (found.push(letter) === limit) break;
    }
    return found;
  }

  /**
   * Puts a letter into the inbox of its recipient, and of nobody else, and takes it from here.
   *
   * Rejects with the code of the failed delivery, and keeps the letter then; unknown numbers are `ERR_INVALID_ARGUMENT`.
   */
  async redrive(number: number): Promise<void> {
    const letter = this.#letters.get(number);
    if (letter === undefined) throw new AgentwireError('ERR_INVALID_ARGUMENT', `there is no dead letter ${number}`);
    if (letter.recipient === undefined) {
      throw new AgentwireError('ERR_PROCESS_NOT_FOUND', `dead letter ${number} was for no process in particular`);
    }
    if (this.#deliver === undefined)
      throw new AgentwireError('ERR_INVALID_STATE', 'these dead letters belong to no router');
    if (this.#redriving.has(number))
      throw new AgentwireError('ERR_INVALID_STATE', `dead letter ${number} is under way`);
    this.#redriving.add(number);
    try {
      await this.#deliver(letter.message, letter.recipient);
      this.#letters.delete(number);
    } finally {
      this.#redriving.delete(number);
    }
  }

  /** Forgets a letter; false if there is none of that number. */
  discard(number: number): boolean {
    return this.#letters.delete(number);
  }

  /** @internal Called by the router that these belong to. */
  attach(deliver: (message: KernelMessage, recipient: Pid) => Promise<void>): void {
    this.#deliver = deliver;
  }
}
