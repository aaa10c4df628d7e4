import { AgentwireError, type TimerHandle, toAgentwireError } from '@agentwire/core';
import { checkKnownOptions } from '@agentwire/core/internal';
import { isLater } from '../gate/judge-answer.ts';
import type { JsonValue } from '../message/payload.ts';
import { copyJson } from '../message/copy-json.ts';
import { canonicalJson } from './canonical-json.ts';
import { ChainEntries } from './chain-entries.ts';
import type { ChainEvent } from './chain-event.ts';
import { ChainFile } from './chain-file.ts';
import { MAX_LINE_BYTES, writeChainLine } from './chain-line.ts';
import { type ChainOptions, type ResolvedChainOptions, resolveChainOptions } from './chain-options.ts';
import { LineBuffer } from './line-buffer.ts';
import { type ChainScheme, type ChainSchemeOptions, createChainScheme } from './chain-scheme.ts';
import { CHAIN_SOURCE } from './chain-verifier.ts';

const DONE: Promise<void> = Promise.resolve();

/**
 * An append-only list of events, each hashed over the one before it, in memory or in a file.
 *
 * One process has a file open at a time. Opening it reads and verifies its last segment. Once a write has failed, everything else fails with `ERR_IO`:
 * a router with such a chain delivers nothing that it cannot record.
 */
export class ChainManager {
  readonly #options: ResolvedChainOptions;
  readonly #entries: ChainEntries;
  readonly #file: ChainFile | undefined;
  readonly #pending: LineBuffer;
  #durable = -1;
  #failure: AgentwireError | undefined;
  #timer: TimerHandle;
  /** The group that has begun last, and the one that gathers behind it. */
  #current: Promise<void> = DONE;
  #group: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  #segment = 1;

  constructor(options: ChainOptions) {
    this.#options = resolveChainOptions(options);
    this.#pending = new LineBuffer(options.path === undefined ? 0 : this.#options.maxPendingBytes + 4096);
    const scheme = createChainScheme(options);
    let last: ChainEvent | undefined;
    if (options.path !== undefined) {
      const { file, recovery } = ChainFile.open(options.path, scheme, options.head);
      this.#segment = recovery.segment;
      this.#file = file;
      if (recovery.cutBytes > 0) {
        this.#options.logger.warn(
          { path: options.path, cutBytes: recovery.cutBytes },
          'a torn end was cut off the chain',
        );
      }
      ({ last } = recovery);
      this.#durable = last?.sequence ?? -1;
    }
    const { clock, keep } = this.#options;
    this.#entries = new ChainEntries(clock, keep, scheme, last);
    if (last === undefined && this.#file !== undefined)
      for (const genesis of this.#entries.tail(1)) this.#queue(writeChainLine(genesis));
  }

  /** Entries so far, the genesis included. */
  get length(): number {
    return this.#entries.length;
  }

  /** The last entry as `sequence:hash`. */
  get head(): string {
    return this.#entries.head;
  }

  /** Time at which entries count as kept. */
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

  /** @internal Records an event whose payload is canonical JSON already. @throws AgentwireError `ERR_CLOSED`, `ERR_MESSAGE_TOO_LARGE` */
  recordCanonical(source: string, kind: string, payload: string | undefined): ChainEvent {
    if (this.#closing !== undefined) throw new AgentwireError('ERR_CLOSED', 'the chain is closed');
    if (this.#failure !== undefined) throw this.#failure;
    if (payload !== undefined && payload.length > MAX_LINE_BYTES / 4) {
      throw new AgentwireError('ERR_MESSAGE_TOO_LARGE', `a chain event holds ${MAX_LINE_BYTES / 4} characters at most`);
    }
    const event = this.#entries.add(source, kind, payload);
    if (this.#file !== undefined) this.#queue(writeChainLine(event));
    return event;
  }

  /** Resolves when everything recorded so far is kept; rejects with `ERR_IO` if that cannot be. */
  durable(): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#file === undefined || this.#durable >= this.length - 1) return DONE;
    if (this.#group === undefined) {
      // callers that come while one group is being synced share the next one.
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
    return this.#entries.tail(count);
  }

  /**
   * Checks the entries in memory against their hashes, and that `head` is among them; throws `ERR_INTEGRITY`.
   *
   * For a file as a whole there is `verifyChainFile`.
   */
  verify(head?: string): void {
    this.#entries.verify(head);
  }

  /**
   * Puts the file aside as the next segment, `<path>.000001` and so on, and goes on in a new one, with another key if one is given.
   *
   * Each segment verifies alone, and all of them as a row, because each begins with the head of the one before. Throws
   * `ERR_INVALID_STATE` for a chain in memory.
   */
  async rotate(keys: Pick<ChainSchemeOptions, 'key' | 'signingKey'> = {}): Promise<void> {
    checkKnownOptions('rotate', keys, ['key', 'signingKey']);
    const { format, chainId, key, signingKey, path } = this.#options;
    if (path === undefined) throw new AgentwireError('ERR_INVALID_STATE', 'a chain in memory has no segments');
    const same = keys.key === undefined && keys.signingKey === undefined;
    const chosen = same ? { key, signingKey } : keys;
    const scheme = same
      ? this.#entries.scheme
      : createChainScheme({
          ...(format !== undefined && { format }),
          ...(chainId !== undefined && { chainId }),
          ...(chosen.key !== undefined && { key: chosen.key }),
          ...(chosen.signingKey !== undefined && { signingKey: chosen.signingKey }),
        });
    if (scheme.algorithm === 'ed25519' && chosen.signingKey?.type !== 'private')
      throw new AgentwireError('ERR_INVALID_ARGUMENT', 'signing needs a private Ed25519 key');
    if (this.#closing !== undefined) throw new AgentwireError('ERR_CLOSED', 'the chain is closed');
    const turn = this.#current
      .catch(() => undefined)
      .then(() => this.#flush())
      .then(() => this.#beginSegment(scheme));
    this.#current = turn;
    await turn;
    await this.durable();
  }

  /** Writes and syncs what waits, then closes the file. Every call gives the same promise; it rejects when a write has failed. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#options.clock.clearTimeout(this.#timer);
    try {
      await this.#current.catch(() => undefined);
      if (this.#failure !== undefined) throw this.#failure;
      await this.#flush();
    } finally {
      this.#file?.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
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
      if (this.#entries.scheme.algorithm === 'ed25519') this.#sign();
      this.#file.write(this.#pending.take());
    } catch (error) {
      this.#fail(error);
    }
  }

  #sign(): void {
    this.#pending.add(writeChainLine(this.#entries.addSignature()));
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
    this.#tellHead(head);
    const { maxSegmentBytes } = this.#options;
    // what waits belongs to this segment already, so it is written first.
    if (maxSegmentBytes !== undefined && this.#file.size >= maxSegmentBytes && this.#pending.length === 0)
      this.#beginSegment(this.#entries.scheme);
  }

  #tellHead(head: string): void {
    const failed = (error: unknown): void =>
      this.#options.logger.error(
        { error: error instanceof Error ? error.message : String(error) },
        'onHead failed, so this head may not be kept',
      );
    try {
      const result: unknown = this.#options.onHead?.(head);
      if (isLater(result)) Promise.resolve(result).catch(failed);
    } catch (error) {
      failed(error);
    }
  }

  /** Runs without a pause: what is recorded before it is in the old segment, and synced; what comes later is in the new one. */
  #beginSegment(scheme: ChainScheme): void {
    if (this.#failure !== undefined) throw this.#failure;
    // entries that were recorded while the old segment was synced go into it as well.
    this.#write();
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#file === undefined) return;
    try {
      if (this.#durable < this.length - 1) this.#file.syncNow();
      this.#durable = this.length - 1;
      const start = this.#entries.segmentStart(scheme, this.#segment + 1);
      this.#file.rotate(this.#segment, writeChainLine(start));
      this.#entries.begin(scheme, start);
      this.#segment += 1;
      if (scheme.algorithm === 'ed25519') this.#sign();
      else this.#durable = start.sequence;
    } catch (error) {
      this.#fail(error);
      throw error;
    }
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
  if (typeof name !== 'string' || name === '' || name.length > 256 || name.includes('\0') || !name.isWellFormed()) {
    throw new AgentwireError('ERR_INVALID_ARGUMENT', `${what} has 1 to 256 characters, no NUL and no lone surrogate`);
  }
}
