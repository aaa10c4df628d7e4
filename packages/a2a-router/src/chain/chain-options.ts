import { AgentwireError, type Clock, type Logger, systemClock } from '@agentwire/core';
import { checkInteger, checkKnownOptions, checkOneOf, silentLogger } from '@agentwire/core/internal';
import type { ChainSchemeOptions } from './chain-scheme.ts';
import { parseHead } from './chain-verifier.ts';

/** Options of a {@link ChainManager}. */
export interface ChainOptions extends ChainSchemeOptions {
  /** File that the chain is appended to, one entry a line. Default: kept in memory only. */
  readonly path?: string;
  /**
   * Time at which an entry counts as kept. Default `always`.
   *
   * `always`: once it is on the disk (entries that come together share one fsync); `interval`: it is written and
   * fsynced every `flushMs`, and no sender waits; `never`: it is written every `flushMs` and the system decides the rest.
   */
  readonly fsync?: 'always' | 'interval' | 'never';
  /** Milliseconds between writes under `interval` and `never`, 1 to 60 000. Default 50. */
  readonly flushMs?: number;
  /** Bytes that wait for a write at most; past that they are written at once. 4096 to 1 GiB, default 256 KiB. */
  readonly maxPendingBytes?: number;
  /** Entries that stay in memory for {@link ChainManager.tail}. Default 1000. */
  readonly keep?: number;
  /**
   * Told after every flush, as `sequence:hash`: keep it elsewhere, and truncation is found by `verify`.
   *
   * Its exceptions and rejections are logged and change nothing.
   */
  readonly onHead?: (head: string) => unknown;
  /** A head, `sequence:hash`, that was kept outside: opening a file that ends before it throws `ERR_INTEGRITY`. Needs `path`. */
  readonly head?: string;
  /**
   * Bytes after which a file is put aside as `<path>.000001` and so on, and a new segment begins, 4096 to 1 TiB. Default: never.
   *
   * Opening reads the last segment only.
   */
  readonly maxSegmentBytes?: number;
  /** Time. Default: the system clock. */
  readonly clock?: Clock;
  /** Told about a torn end that was cut off, a write that failed, and an `onHead` that failed. Default: silent. */
  readonly logger?: Logger;
}

/** {@link ChainOptions} with everything filled in. */
export type ResolvedChainOptions = ChainOptions &
  Required<Pick<ChainOptions, 'fsync' | 'flushMs' | 'maxPendingBytes' | 'keep' | 'clock' | 'logger'>>;

/** Defaults of {@link ChainOptions}. */
const CHAIN_DEFAULTS: Readonly<{
  fsync: 'always';
  flushMs: number;
  maxPendingBytes: number;
  keep: number;
}> = Object.freeze({ fsync: 'always', flushMs: 50, maxPendingBytes: 256 * 1024, keep: 1000 });

const KNOWN: readonly string[] =
  'format chainId key signingKey path fsync flushMs maxPendingBytes maxSegmentBytes head keep onHead clock logger'.split(
    ' ',
  );

/** Completes chain options with {@link CHAIN_DEFAULTS}; throws `ERR_INVALID_ARGUMENT` for what it does not know. */
export function resolveChainOptions(options: ChainOptions): ResolvedChainOptions {
  checkKnownOptions('a chain', options, KNOWN);
  const all = { ...CHAIN_DEFAULTS, clock: systemClock, logger: silentLogger, ...options };
  checkOneOf('fsync', all.fsync, ['always', 'interval', 'never']);
  checkInteger('flushMs', all.flushMs, 1, 60_000);
  checkInteger('maxPendingBytes', all.maxPendingBytes, 4096, 1024 ** 3);
  checkInteger('keep', all.keep, 1, 10_000_000);
  if (all.maxSegmentBytes !== undefined) checkInteger('maxSegmentBytes', all.maxSegmentBytes, 4096, 1024 ** 4);
  if (options.head !== undefined) {
    parseHead(options.head);
    if (options.path === undefined)
      throw new AgentwireError('ERR_INVALID_ARGUMENT', 'a head is checked against a file: give its path');
  }
  if (options.signingKey !== undefined && options.path === undefined) {
    throw new AgentwireError('ERR_INVALID_ARGUMENT', 'a signed chain needs a path: it is signed when it is flushed');
  }
  return all;
}
