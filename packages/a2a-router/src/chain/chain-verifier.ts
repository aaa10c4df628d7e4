import { AgentwireError } from '@agentwire/core';
import { type ChainEvent, formatHead, ZERO_HASH } from './chain-event.ts';
import type { ChainScheme } from './chain-scheme.ts';

/** Source of the entries that the chain writes about itself; callers may not use it. */
export const CHAIN_SOURCE = 'chain';

/** Kind of the entries that carry a signature over the entry before them. */
export const SIGNATURE_KIND = 'chain.signature';

/** Kind of the entry that every segment after the first begins with; its payload names the head of the segment before. */
export const SEGMENT_KIND = 'chain.segment';

/** Follows a chain entry by entry, and throws `ERR_INTEGRITY` at the first one that does not belong there. */
export class ChainVerifier {
  readonly #scheme: ChainScheme;
  readonly #hasAnchor: boolean;
  readonly #wanted: { readonly sequence: number; readonly hash: string } | undefined;
  #last: ChainEvent | undefined;
  #first: ChainEvent | undefined;
  #signedUpTo = -1;
  #sawHead = false;
  #segment = 1;
  #previousHead: string | undefined;

  /** `anchor` is the entry before the first one that will come, for a chain of which only the end is kept. */
  constructor(scheme: ChainScheme, head?: string, anchor?: ChainEvent) {
    this.#scheme = scheme;
    this.#wanted = head === undefined ? undefined : parseHead(head);
    this.#last = anchor;
    this.#hasAnchor = anchor !== undefined;
  }

  /** Number of the segment, from 1. */
  get segment(): number {
    return this.#segment;
  }

  /** Head of the segment before, as the first entry names it; undefined for the first segment. */
  get previousHead(): string | undefined {
    return this.#previousHead;
  }

  /** True once the head that was kept outside was met, and when none was given. */
  get reachedHead(): boolean {
    return this.#wanted === undefined || this.#sawHead;
  }

  /** The last entry that was sound. */
  get last(): ChainEvent | undefined {
    return this.#last;
  }

  /** The first entry. */
  get first(): ChainEvent | undefined {
    return this.#first;
  }

  /** Sequence of the last entry that is covered by a signature; for chains without signatures the last one. */
  get securedUpTo(): number {
    return this.#scheme.algorithm === 'ed25519' ? this.#signedUpTo : (this.#last?.sequence ?? -1);
  }

  /** Checks the next entry and gives it back. */
  next(line: ChainEvent): ChainEvent {
    if (this.#first === undefined && line.source === CHAIN_SOURCE && line.kind === SEGMENT_KIND)
      this.#beginSegment(line);
    const expected = this.#last === undefined ? 0 : this.#last.sequence + 1;
    if (line.sequence !== expected) throw broken(`entry ${line.sequence} stands where ${expected} belongs`, expected);
    if (expected === 0) this.#checkGenesis(line);
    if (this.#scheme.format === 1 && line.nanos !== 0)
      throw broken(`entry ${expected} has nanoseconds, which format 1 does not cover and never writes`, expected);
    if (this.#scheme.hashEntry(line, this.#last?.hash ?? ZERO_HASH) !== line.hash) {
      throw broken(`entry ${expected} does not have the hash that its content and the entry before it give`, expected);
    }
    if (this.#scheme.algorithm === 'ed25519' && line.source === CHAIN_SOURCE && expected > 0 && !isStart(line))
      this.#checkSignature(line);
    if (this.#wanted?.sequence === expected) {
      if (this.#wanted.hash !== line.hash)
        throw broken(`entry ${expected} is not the one that the head names`, expected);
      this.#sawHead = true;
    }
    this.#first ??= line;
    this.#last = line;
    return line;
  }

  /** True when there is an entry, and a signature stands behind all of them where the chain is signed. */
  get isSecured(): boolean {
    return this.#last !== undefined && this.securedUpTo >= this.#last.sequence;
  }

  /**
   * Checks what is known only at the end: that there is a genesis, that all is signed, and that the head was reached, unless
   * `isLast` is false and another segment follows.
   */
  finish(isLast = true): void {
    if (this.#last === undefined) throw broken('the chain is empty', 0);
    const end = this.#last.sequence;
    if (isLast && this.#wanted !== undefined && !this.#sawHead) {
      throw broken(
        `the chain ends at entry ${formatHead(this.#last)}, before the head ${this.#wanted.sequence}: it was cut`,
        end,
      );
    }
    if (this.securedUpTo < end) throw broken(`the entries after ${this.securedUpTo} are not signed`, end);
  }

  /** A segment alone begins after the head that it names; in a row that must be the head of the segment before. */
  #beginSegment(line: ChainEvent): void {
    const { segment, previous } = startOf(line);
    const place = parsePrevious(previous);
    if (place === undefined || segment < 2 || line.payload !== this.#scheme.segmentStart(segment, previous)) {
      throw broken('the segment does not begin as one does', line.sequence);
    }
    const last = this.#last;
    if (this.#hasAnchor && last !== undefined && formatHead(last) !== previous) {
      throw broken(
        `segment ${segment} goes on after ${previous}, which is not the end of the segment before`,
        line.sequence,
      );
    }
    this.#segment = segment;
    this.#previousHead = previous;
    this.#last = { ...line, ...place };
    if (this.#wanted !== undefined && this.#wanted.sequence < place.sequence) this.#sawHead = true;
    if (this.#wanted?.sequence === place.sequence) {
      if (this.#wanted.hash !== place.hash)
        throw broken(`entry ${place.sequence} is not the one that the head names`, place.sequence);
      this.#sawHead = true;
    }
  }

  #checkGenesis(line: ChainEvent): void {
    if (line.source !== CHAIN_SOURCE || line.kind !== 'genesis' || line.payload !== this.#scheme.genesis) {
      throw broken(
        `the chain does not begin as one of format ${this.#scheme.format} with ${this.#scheme.algorithm} does`,
        0,
      );
    }
  }

  #checkSignature(line: ChainEvent): void {
    const signature = /^\{"signature":"([0-9a-f]{128})"\}$/.exec(line.payload ?? '')?.[1] ?? '';
    const sound = line.kind === SIGNATURE_KIND && this.#scheme.isSigned(line, this.#last?.hash ?? ZERO_HASH, signature);
    if (!sound) throw broken(`the signature in entry ${line.sequence} is not sound`, line.sequence);
    this.#signedUpTo = line.sequence;
  }
}

function isStart(line: ChainEvent): boolean {
  return line.kind === SEGMENT_KIND;
}

/** Payload of the first entry of a later segment; nothing of it is believed before its hash was checked. */
export function startOf(line: ChainEvent): { readonly segment: number; readonly previous: string } {
  try {
    const { segment, previous } = Object(JSON.parse(line.payload ?? 'null') ?? {}) as Readonly<Record<string, unknown>>;
    if (typeof segment === 'number' && Number.isSafeInteger(segment) && typeof previous === 'string')
      return { segment, previous };
  } catch {
    // falls through
  }
  return { segment: 0, previous: '' };
}

function parsePrevious(previous: string): { readonly sequence: number; readonly hash: string } | undefined {
  try {
    return parseHead(previous);
  } catch {
    return undefined;
  }
}

/** Reads a head, `sequence:hash`; throws `ERR_INVALID_ARGUMENT` for anything else. */
export function parseHead(head: string): { readonly sequence: number; readonly hash: string } {
  const match = typeof head === 'string' ? /^(\d{1,15}):([0-9a-f]{64})$/.exec(head) : null;
  if (match === null)
    throw new AgentwireError('ERR_INVALID_ARGUMENT', 'a head is a sequence, a colon and 64 hex digits');
  return { sequence: Number(match[1]), hash: match[2] ?? '' };
}

function broken(message: string, sequence: number): AgentwireError {
  return new AgentwireError('ERR_INTEGRITY', message, { detail: { sequence } });
}
