import { AgentwireError, type TimerHandle, toAgentwireError } from '@agentwire/core';
import { Ring } from '../inbox/ring.ts';
import type { JsonValue } from '../message/payload.ts';
import { copyJson } from '../message/copy-json.ts';
import { canonicalJson } from './canonical-json.ts';
import { type ChainEvent, formatHead, ZERO_HASH } from './chain-event.ts';
import { ChainFile } from './chain-file.ts';
import { MAX_LINE_BYTES, writeChainLine } from './chain-line.ts';
import { type ChainOptions, type ResolvedChainOptions, resolveChainOptions } from './chain-options.ts';
import { LineBuffer } from './line-buffer.ts';
import { type ChainScheme, createChainScheme } from './chain-scheme.ts';
import { CHAIN_SOURCE, ChainVerifier, SIGNATURE_KIND } from './chain-verifier.ts';
import { MonotonicStamp } from './monotonic-stamp.ts';

const DONE: Promise<void> = Promise.resolve();

/**
 * An append-only list of events, each hashed over the one before it, in memory or in a file.
 *
 * Opening a file reads and verifies all of it. Once a write has failed, everything else fails with `ERR_IO`:
 * a router with such a chain delivers nothing that it cannot record.
 */
export class ChainManager {
  readonly #options: ResolvedChainOptions;
  readonly #scheme: ChainScheme;
  readonly #stamp: MonotonicStamp;
  readonly #file: ChainFile | undefined;
  readonly #kept = new Ring<ChainEvent>();
  /** The entry before the oldest one in memory. */
  #anchor: ChainEvent | undefined;
  #last: ChainEvent | undefined;
  readonly #pending: LineBuffer;
  #durable = -1;
  #failure: AgentwireError | undefined;
  #timer: TimerHandle;
  /** The group that has begun last, and the one that gathers behind it. */
  #current: Promise<void> = DONE;
  #group: Promise<void> | undefined;
  #closed = false;

  constructor(options: ChainOptions) {
    this.#options = resolveChainOptions(options);
    this.#pending = new LineBuffer(options.path === undefined ? 0 : this.#options.maxPendingBytes + 4096);
    this.#scheme = createChainScheme(options);
    this.#stamp = new MonotonicStamp(this.#options.clock, this.#scheme.format);
    if (options.path !== undefined) {
      const { file, recovery } = ChainFile.open(options.path, this.#scheme);
      this.#file = file;
      if (recovery.cutBytes > 0) {
        this.#options.logger.warn(
          { path: options.path, cutBytes: recovery.cutBytes },
          'a torn end was cut off the chain',
        );
      }
      this.#last = recovery.last;
      this.#anchor = recovery.last;
      this.#durable = recovery.last?.sequence ?? -1;
      if (recovery.last !== undefined) this.#stamp.continueAfter(recovery.last);
    }
    if (this.#last === undefined) this.#add(CHAIN_SOURCE, 'genesis', this.#scheme.genesis);
  }

  /** Entries so far, the genesis included. */
  get length(): number {
    return (this.#last?.sequence ?? -1) + 1;
  }

  /** The last entry as `sequence:hash`. */
  get head(): string {
    return formatHead(this.#last ?? { sequence: 0, hash: ZERO_HASH });
  }

  /** When entries count as kept. */
  get fsync(): 'always' | 'interval' | 'never' {
    return this.#file === undefined ? 'never' : this.#options.fsync;
  }

  /** Records an event and waits until it is kept, as {@link ChainOptions.fsync} says. */
  async append(source: string, kind: string, payload?: JsonValue): Promise<ChainEvent> {
    const event = this.record(source, kind, payload);
    await this.durable();
    return event;
  }

  /** Records an event without waiting; throws `ERR_IO` once the file has failed and `ERR_CLOSED` after the end. */
  record(source: string, kind: string, payload?: JsonValue): ChainEvent {
    checkName('source', source);
    checkName('kind', kind);
    if (source === CHAIN_SOURCE)
      throw new AgentwireError('ERR_INVALID_ARGUMENT', 'the source "chain" is the chain itself');
    return this.recordCanonical(source, kind, payload === undefined ? undefined : canonicalJson(copyJson(payload)));
  }

  /** @internal Records an event whose payload is canonical JSON already. */
  recordCanonical(source: string, kind: string, payload: string | undefined): ChainEvent {
    if (this.#closed) throw new AgentwireError('ERR_CLOSED', 'the chain is closed');
    if (this.#failure !== undefined) throw this.#failure;
    if (payload !== undefined && payload.length > MAX_LINE_BYTES / 4) {
      throw new AgentwireError('ERR_MESSAGE_TOO_LARGE', `a chain event holds ${MAX_LINE_BYTES / 4} characters at most`);
    }
    return this.#add(source, kind, payload);
  }

  /** Resolves when everything recorded so far is kept; rejects with `ERR_IO` if that cannot be. */
  durable(): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#file === undefined || this.#durable >= this.length - 1) return DONE;
    if (this.#group === undefined) {
      // Whoever comes while one group is being synced waits for the next one, and shares it with all others.
      const begin = (): Promise<void> => {
        this.#group = undefined;
        return this.#flush();
      };
      this.#group = this.#current.then(begin, begin);
      this.#current = this.#group;
    }
    return this.#group;
  }

  /** The last entries that are in memory, oldest first. */
  tail(count: number = this.#options.keep): ChainEvent[] {
    return count <= 0 ? [] : [...this.#kept].slice(-count);
  }

  /**
   * Checks the entries in memory against their hashes, and that `head` is among them; throws `ERR_INTEGRITY`.
   *
   * For a file as a whole there is `verifyChainFile`.
   */
  verify(head?: string): void {
    const verifier = new ChainVerifier({ ...this.#scheme, algorithm: 'hmac-sha256' }, head, this.#anchor);
    for (const event of this.#kept) verifier.next(event);
    verifier.finish();
  }

  /** Writes and syncs what waits, then closes the file; idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#options.clock.clearTimeout(this.#timer);
    try {
      await this.#current.catch(() => undefined);
      if (this.#failure === undefined) await this.#flush();
    } finally {
      this.#file?.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #add(source: string, kind: string, payload: string | undefined): ChainEvent {
    const { seconds, nanos } = this.#stamp.next();
    const sequence = this.length;
    const draft = { sequence, source, kind, seconds, nanos, payload, hash: '' };
    draft.hash = this.#scheme.hashEntry(draft, this.#last?.hash ?? ZERO_HASH);
    this.#last = draft;
    this.#kept.push(draft);
    if (this.#kept.length > this.#options.keep) this.#anchor = this.#kept.shift();
    if (this.#file !== undefined) this.#queue(writeChainLine(draft));
    return draft;
  }

  #queue(line: string): void {
    this.#pending.add(line);
    if (this.#options.fsync !== 'always')
      this.#timer ??= this.#options.clock.setTimeout(() => void this.#tick(), this.#options.flushMs);
    if (this.#pending.length >= this.#options.maxPendingBytes) this.#write();
  }

  /** Hands everything that waits to the system, signed if the chain is. */
  #write(): void {
    if (this.#pending.length === 0 || this.#file === undefined) return;
    try {
      if (this.#scheme.algorithm === 'ed25519') this.#pending.add(this.#signature());
      this.#file.write(this.#pending.take());
    } catch (error) {
      this.#fail(error);
    }
  }

  #signature(): string {
    const { seconds, nanos } = this.#stamp.next();
    const previous = this.#last?.hash ?? ZERO_HASH;
    const payload = `{"signature":"${this.#scheme.sign({ sequence: this.length, seconds, nanos }, previous)}"}`;
    const event = {
      sequence: this.length,
      source: CHAIN_SOURCE,
      kind: SIGNATURE_KIND,
      seconds,
      nanos,
      payload,
      hash: '',
    };
    event.hash = this.#scheme.hashEntry(event, previous);
    this.#last = event;
    this.#kept.push(event);
    if (this.#kept.length > this.#options.keep) this.#anchor = this.#kept.shift();
    return writeChainLine(event);
  }

  async #flush(): Promise<void> {
    this.#write();
    const reached = this.length - 1;
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#file === undefined || this.#durable >= reached) return;
    const head = this.head;
    try {
      if (this.#options.fsync !== 'never') await this.#file.sync();
    } catch (error) {
      this.#fail(error);
      throw error;
    }
    if (reached <= this.#durable) return;
    this.#durable = reached;
    this.#options.onHead?.(head);
  }

  async #tick(): Promise<void> {
    this.#timer = undefined;
    try {
      await this.#flush();
    } catch (error) {
      this.#options.logger.error({ error: toAgentwireError(error, 'ERR_IO').message }, 'the chain cannot be written');
    }
  }

  #fail(error: unknown): void {
    this.#failure ??= toAgentwireError(error, 'ERR_IO', 'the chain cannot be written');
    this.#pending.take();
  }
}

/** Makes a {@link ChainManager}. */
export function createChain(options: ChainOptions): ChainManager {
  return new ChainManager(options);
}

function checkName(what: string, name: string): void {
  if (typeof name !== 'string' || name === '' || name.length > 256 || name.includes('\0')) {
    throw new AgentwireError('ERR_INVALID_ARGUMENT', `${what} has 1 to 256 characters and no NUL`);
  }
}
