import { AgentwireError } from '@agentwire/core';
import { checkKnownOptions } from '@agentwire/core/internal';
import type { JsonValue } from '../message/payload.ts';
import { copyJson } from '../message/copy-json.ts';
import { canonicalJson } from './canonical-json.ts';
import { ChainEntries } from './chain-entries.ts';
import type { ChainEvent } from './chain-event.ts';
import { ChainFile } from './chain-file.ts';
import { MAX_LINE_BYTES } from './chain-line.ts';
import { type ChainOptions, type ResolvedChainOptions, resolveChainOptions } from './chain-options.ts';
import { type ChainSchemeOptions, createChainScheme } from './chain-scheme.ts';
import { CHAIN_SOURCE } from './chain-verifier.ts';
import { ChainWriter } from './chain-writer.ts';

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
  readonly #writer: ChainWriter | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: ChainOptions) {
    this.#options = resolveChainOptions(options);
    const { clock, keep, logger } = this.#options;
    const scheme = createChainScheme(options);
    if (options.path === undefined) {
      this.#entries = new ChainEntries(clock, keep, scheme);
      return;
    }
    const { file, recovery } = ChainFile.open(options.path, scheme, options.head);
    const { last, cutBytes, segment } = recovery;
    if (cutBytes > 0) logger.warn({ path: options.path, cutBytes }, 'a torn end was cut off the chain');
    this.#entries = new ChainEntries(clock, keep, scheme, last);
    const durable = last?.sequence ?? -1;
    this.#writer = new ChainWriter({ file, entries: this.#entries, options: this.#options, durable, segment });
    if (last === undefined) for (const genesis of this.#entries.tail(1)) this.#writer.add(genesis);
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
    return this.#writer === undefined ? 'never' : this.#options.fsync;
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
    if (this.#writer?.failure !== undefined) throw this.#writer.failure;
    if (payload !== undefined && payload.length > MAX_LINE_BYTES / 4) {
      throw new AgentwireError('ERR_MESSAGE_TOO_LARGE', `a chain event holds ${MAX_LINE_BYTES / 4} characters at most`);
    }
    const event = this.#entries.add(source, kind, payload);
    this.#writer?.add(event);
    return event;
  }

  /** Resolves when everything recorded so far is kept; rejects with `ERR_IO` if that cannot be. */
  durable(): Promise<void> {
    return this.#writer?.durable() ?? DONE;
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
    await this.#writer?.rotate(scheme);
  }

  /** Writes and syncs what waits, then closes the file. Every call gives the same promise; it rejects when a write has failed. */
  close(): Promise<void> {
    this.#closing ??= this.#writer?.close() ?? DONE;
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
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
