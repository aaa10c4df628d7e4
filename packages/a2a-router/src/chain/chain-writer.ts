import { type AgentwireError, type TimerHandle, toAgentwireError } from '@agentwire/core';
import { isLater } from '../gate/judge-answer.ts';
import type { ChainEntries } from './chain-entries.ts';
import type { ChainEvent } from './chain-event.ts';
import type { ChainFile } from './chain-file.ts';
import { writeChainLine } from './chain-line.ts';
import type { ResolvedChainOptions } from './chain-options.ts';
import type { ChainScheme } from './chain-scheme.ts';
import { LineBuffer } from './line-buffer.ts';

const DONE: Promise<void> = Promise.resolve();

/** Collaborators of a chain writer. */
export interface ChainWriterDeps {
  readonly file: ChainFile;
  readonly entries: ChainEntries;
  readonly options: ResolvedChainOptions;
  /** Sequence of the last entry that the file has; -1 for a new one. */
  readonly durable: number;
  /** Number of the segment that the file is. */
  readonly segment: number;
}

/**
 * Writes the entries of a chain to its file: those that come together in one write and one sync, and each segment after the one before.
 *
 * The first write that fails is the end: everything after it fails with the same `ERR_IO`.
 */
export class ChainWriter {
  readonly #options: ResolvedChainOptions;
  readonly #entries: ChainEntries;
  readonly #file: ChainFile;
  readonly #pending: LineBuffer;
  #durable: number;
  #segment: number;
  #failure: AgentwireError | undefined;
  #timer: TimerHandle;
  /** The group that has begun last, and the one that gathers behind it. */
  #current: Promise<void> = DONE;
  #group: Promise<void> | undefined;

  constructor({ file, entries, options, durable, segment }: ChainWriterDeps) {
    this.#file = file;
    this.#entries = entries;
    this.#options = options;
    this.#durable = durable;
    this.#segment = segment;
    this.#pending = new LineBuffer(options.maxPendingBytes + 4096);
  }

  /** Reason why nothing can be written any more. */
  get failure(): AgentwireError | undefined {
    return this.#failure;
  }

  /** Takes an entry that is to be written. */
  add(event: ChainEvent): void {
    this.#pending.add(writeChainLine(event));
    if (this.#options.fsync !== 'always')
      this.#timer ??= this.#options.clock.setTimeout(() => void this.#tick(), this.#options.flushMs);
    if (this.#pending.length >= this.#options.maxPendingBytes) this.#write();
  }

  /** Resolves when everything that was added is kept; rejects with `ERR_IO` if that cannot be. */
  durable(): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#durable >= this.#entries.length - 1) return DONE;
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

  /** Puts the file aside as a segment, once everything is written, and goes on in a new one with those rules. */
  async rotate(scheme: ChainScheme): Promise<void> {
    const turn = this.#current
      .catch(() => undefined)
      .then(() => this.#flush())
      .then(() => this.#beginSegment(scheme));
    this.#current = turn;
    await turn;
    await this.durable();
  }

  /** Writes and syncs what waits, then closes the file; rejects when a write has failed. */
  async close(): Promise<void> {
    this.#options.clock.clearTimeout(this.#timer);
    try {
      await this.#current.catch(() => undefined);
      if (this.#failure !== undefined) throw this.#failure;
      await this.#flush();
    } finally {
      this.#file.close();
    }
  }

  /** Hands everything that waits to the system, signed if the chain is. */
  #write(): void {
    if (this.#pending.length === 0) return;
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
    const reached = this.#entries.length - 1;
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#durable >= reached) return;
    const { head } = this.#entries;
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
    try {
      if (this.#durable < this.#entries.length - 1) this.#file.syncNow();
      this.#durable = this.#entries.length - 1;
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
