import type { Clock } from '@agentwire/core';
import { Ring } from '../inbox/ring.ts';
import { type ChainEvent, formatHead, ZERO_HASH } from './chain-event.ts';
import type { ChainScheme } from './chain-scheme.ts';
import { CHAIN_SOURCE, ChainVerifier, SEGMENT_KIND, SIGNATURE_KIND } from './chain-verifier.ts';
import { MonotonicStamp } from './monotonic-stamp.ts';

/** Entries of a chain: makes each one over the one before it, and keeps the last ones in memory. */
export class ChainEntries {
  #scheme: ChainScheme;
  readonly #keep: number;
  readonly #stamp: MonotonicStamp;
  readonly #kept = new Ring<ChainEvent>();
  /** The entry before the oldest one in memory. */
  #anchor: ChainEvent | undefined;
  #last: ChainEvent | undefined;

  /** @param last last entry of a file that is continued */
  constructor(clock: Clock, keep: number, scheme: ChainScheme, last?: ChainEvent) {
    this.#scheme = scheme;
    this.#keep = keep;
    this.#stamp = new MonotonicStamp(clock, scheme.format);
    this.#last = last;
    this.#anchor = last;
    if (last === undefined) this.add(CHAIN_SOURCE, 'genesis', scheme.genesis);
    else this.#stamp.continueAfter(last);
  }

  /** Keys and rules of the segment that entries go into. */
  get scheme(): ChainScheme {
    return this.#scheme;
  }

  /** Entries so far, the genesis included. */
  get length(): number {
    return (this.#last?.sequence ?? -1) + 1;
  }

  /** The last entry as `sequence:hash`. */
  get head(): string {
    return formatHead(this.#last ?? { sequence: 0, hash: ZERO_HASH });
  }

  /** The last entries that are in memory, oldest first. */
  tail(count: number): ChainEvent[] {
    return count <= 0 ? [] : [...this.#kept].slice(-count);
  }

  /** Checks the entries in memory against their hashes, and that `head` is among them. @throws AgentwireError `ERR_INTEGRITY` */
  verify(head?: string): void {
    const verifier = new ChainVerifier({ ...this.#scheme, algorithm: 'hmac-sha256' }, head, this.#anchor);
    for (const event of this.#kept) verifier.next(event);
    verifier.finish();
  }

  /** Adds an entry; `payload` is canonical JSON. */
  add(source: string, kind: string, payload: string | undefined): ChainEvent {
    return this.#push(this.#make(this.#scheme, source, kind, payload, this.#stamp.next()));
  }

  /** Adds the signature of everything before it. */
  addSignature(): ChainEvent {
    const { seconds, nanos } = this.#stamp.next();
    const signature = this.#scheme.sign({ sequence: this.length, seconds, nanos }, this.#last?.hash ?? ZERO_HASH);
    const payload = `{"signature":"${signature}"}`;
    return this.#push(this.#make(this.#scheme, CHAIN_SOURCE, SIGNATURE_KIND, payload, { seconds, nanos }));
  }

  /** Makes the first entry of a segment, which counts once {@link begin} is called with it. */
  segmentStart(scheme: ChainScheme, segment: number): ChainEvent {
    const payload = scheme.segmentStart(segment, this.head);
    return this.#make(scheme, CHAIN_SOURCE, SEGMENT_KIND, payload, this.#stamp.next());
  }

  /** Begins a segment: entries in memory are checked with the key of their segment, so those of the last one go. */
  begin(scheme: ChainScheme, start: ChainEvent): void {
    this.#scheme = scheme;
    this.#kept.drain();
    this.#anchor = start;
    this.#last = start;
  }

  #make(
    scheme: ChainScheme,
    source: string,
    kind: string,
    payload: string | undefined,
    { seconds, nanos }: Pick<ChainEvent, 'seconds' | 'nanos'>,
  ): ChainEvent {
    const draft = { sequence: this.length, source, kind, seconds, nanos, payload, hash: '' };
    draft.hash = scheme.hashEntry(draft, this.#last?.hash ?? ZERO_HASH);
    return draft;
  }

  #push(event: ChainEvent): ChainEvent {
    this.#last = event;
    this.#kept.push(event);
    if (this.#kept.length > this.#keep) this.#anchor = this.#kept.shift();
    return event;
  }
}
