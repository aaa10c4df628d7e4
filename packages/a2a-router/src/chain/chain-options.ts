import { AgentwireError, type Clock, type Logger, systemClock } from '@agentwire/core';
import {
  OPTION,
  type OptionCheck,
  type OptionRows,
  type Resolved,
  resolveOptions,
  safeLogger,
  silentLogger,
} from '@agentwire/core/internal';
import type { ChainSchemeOptions } from './chain-scheme.ts';
import { parseHead } from './chain-verifier.ts';

/** Options of a {@link ChainManager}. */
export interface ChainOptions extends ChainSchemeOptions {
  /** File that the chain is appended to, one entry a line. Default: kept in memory only. */
  readonly path?: string | undefined;
  /**
   * Time at which an entry counts as kept. Default `always`.
   *
   * `always`: once it is on the disk (entries that come together share one fsync); `interval`: it is written and
   * fsynced every `flushMs`, and no sender waits; `never`: it is written every `flushMs` and the system decides the rest.
   */
  readonly fsync?: 'always' | 'interval' | 'never' | undefined;
  /** Milliseconds between writes under `interval` and `never`, 1 to 60 000. Default 50. */
  readonly flushMs?: number | undefined;
  /** Bytes that wait for a write at most; past that they are written at once. 4096 to 1 GiB, default 256 KiB. */
  readonly maxPendingBytes?: number | undefined;
  /** Entries that stay in memory for {@link ChainManager.tail}. Default 1000. */
  readonly keep?: number | undefined;
  /**
   * Told after every flush, as `sequence:hash`: keep it elsewhere, and truncation is found by `verify`.
   *
   * Its exceptions and rejections are logged and change nothing.
   */
  readonly onHead?: ((head: string) => unknown) | undefined;
  /** A head, `sequence:hash`, that was kept outside: opening a file that ends before it throws `ERR_INTEGRITY`. Needs `path`. */
  readonly head?: string | undefined;
  /**
   * Bytes after which a file is put aside as `<path>.000001` and so on, and a new segment begins, 4096 to 1 TiB. Default: never.
   *
   * Opening reads the last segment only.
   */
  readonly maxSegmentBytes?: number | undefined;
  /** Time. Default: the system clock. */
  readonly clock?: Clock | undefined;
  /** Told about a torn end that was cut off, a write that failed, and an `onHead` that failed. Default: silent. */
  readonly logger?: Logger | undefined;
}

type WithDefault = 'fsync' | 'flushMs' | 'maxPendingBytes' | 'keep' | 'clock' | 'logger';

/** {@link ChainOptions} with every default filled in; the scheme has those of its own. */
export type ResolvedChainOptions = Omit<ChainOptions, WithDefault> & Pick<Resolved<ChainOptions>, WithDefault>;

/** Keys depend on the format, so the scheme checks them. */
const byScheme: OptionCheck = () => undefined;

const ROWS: OptionRows<ChainOptions> = {
  format: {
    check: (_name, value) => {
      if (value !== 1 && value !== 2)
        throw new AgentwireError('ERR_INVALID_ARGUMENT', `format must be 1 or 2, got ${String(value)}`);
    },
  },
  chainId: { check: OPTION.integer(0, 0xffff_ffff) },
  key: { check: byScheme },
  signingKey: { check: byScheme },
  path: { check: OPTION.text },
  fsync: { check: OPTION.oneOf('always', 'interval', 'never'), default: 'always' },
  flushMs: { check: OPTION.integer(1, 60_000), default: 50 },
  maxPendingBytes: { check: OPTION.integer(4096, 1024 ** 3), default: 256 * 1024 },
  keep: { check: OPTION.integer(1, 10_000_000), default: 1000 },
  onHead: { check: OPTION.function },
  head: { check: (_name, value) => void parseHead(value as string) },
  maxSegmentBytes: { check: OPTION.integer(4096, 1024 ** 4) },
  clock: { check: OPTION.clock, default: systemClock },
  logger: { check: OPTION.logger, default: silentLogger },
};

/** Checks the options of a chain and fills in the defaults. @throws AgentwireError `ERR_INVALID_ARGUMENT` naming the option */
export function resolveChainOptions(options: ChainOptions): ResolvedChainOptions {
  const { path, head, signingKey } = options;
  const resolved = resolveOptions('a chain', options, ROWS);
  if (head !== undefined && path === undefined)
    throw new AgentwireError('ERR_INVALID_ARGUMENT', 'a head is checked against a file: give its path');
  if (signingKey !== undefined && path === undefined)
    throw new AgentwireError('ERR_INVALID_ARGUMENT', 'a signed chain needs a path: it is signed when it is flushed');
  return { ...resolved, logger: safeLogger(resolved.logger) };
}
