import { constants } from 'node:buffer';
import { tmpdir } from 'node:os';

import { AgentwireError } from '@agentwire/core';
import { OPTION, type OptionRows, resolveOptions } from '@agentwire/core/internal';

import { BodyQuota, sharedBodyQuota } from './body-quota.ts';

/** Access to bytes on disk: see {@link LargeBodyBufferOptions.backing}. */
export type BodyBacking = 'auto' | 'mmap' | 'file';

/** Options of a `LargeBodyBuffer` (Agent Protocol v2, "Configuration Options" of memory-mapped buffers). */
export interface LargeBodyBufferOptions {
  /** Length in bytes from which the body lives in a file. Default 1 MiB; 0 puts everything there. */
  readonly mmapThreshold?: number;
  /** Longest body in bytes. Default 100 MiB, at most the longest `Uint8Array`. */
  readonly maxBodySize?: number;
  /** Folder of the file, which has no name there. Default `os.tmpdir()`; on tmpfs it takes memory, not disk. */
  readonly tempDir?: string;
  /** Limit over many buffers. Default {@link sharedBodyQuota}. */
  readonly quota?: BodyQuota;
  /**
   * Access to bytes on disk. Default `auto`.
   *
   * `mmap` maps the file and throws `ERR_UNSUPPORTED` where the addon cannot be loaded, `file` reads it into memory,
   * `auto` maps where it can.
   */
  readonly backing?: BodyBacking;
}

const ROWS: OptionRows<LargeBodyBufferOptions> = {
  mmapThreshold: { check: OPTION.integer(0, Number.MAX_SAFE_INTEGER), default: 1024 ** 2 },
  maxBodySize: { check: OPTION.integer(0, constants.MAX_LENGTH), default: 100 * 1024 ** 2 },
  tempDir: { check: OPTION.text, default: tmpdir() },
  quota: {
    check: (name, value) => {
      if (value instanceof BodyQuota) return;
      throw new AgentwireError('ERR_INVALID_ARGUMENT', `${name} must be a BodyQuota, got ${typeof value}`);
    },
    default: sharedBodyQuota,
  },
  backing: { check: OPTION.oneOf('auto', 'mmap', 'file'), default: 'auto' },
};

/** Fills in the defaults. @throws AgentwireError `ERR_INVALID_ARGUMENT` for an unknown option or a wrong value */
export function resolveLargeBodyBufferOptions(options: LargeBodyBufferOptions = {}): Required<LargeBodyBufferOptions> {
  return resolveOptions('LargeBodyBuffer', options, ROWS);
}

/** Defaults of {@link LargeBodyBufferOptions}. */
export const LARGE_BODY_BUFFER_DEFAULTS: Required<LargeBodyBufferOptions> = Object.freeze(
  resolveLargeBodyBufferOptions(),
);
