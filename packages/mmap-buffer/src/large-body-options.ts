import { constants } from 'node:buffer';
import { tmpdir } from 'node:os';

import { AgentwireError } from '@agentwire/core';
import { checkInteger, checkKnownOptions, checkOneOf } from '@agentwire/core/internal';

import { BodyQuota, sharedBodyQuota } from './body-quota.ts';

const BACKINGS = ['auto', 'mmap', 'file'] as const;

/** Access to bytes on disk: see {@link LargeBodyBufferOptions.backing}. */
export type BodyBacking = (typeof BACKINGS)[number];

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

/** Defaults of {@link LargeBodyBufferOptions}. */
export const LARGE_BODY_BUFFER_DEFAULTS: Required<LargeBodyBufferOptions> = Object.freeze({
  mmapThreshold: 1024 ** 2,
  maxBodySize: 100 * 1024 ** 2,
  tempDir: tmpdir(),
  quota: sharedBodyQuota,
  backing: 'auto',
});

/** Fills in the defaults. @throws AgentwireError `ERR_INVALID_ARGUMENT` for an unknown option or a wrong value */
export function resolveLargeBodyBufferOptions(options: LargeBodyBufferOptions = {}): Required<LargeBodyBufferOptions> {
  checkKnownOptions('LargeBodyBuffer', options, Object.keys(LARGE_BODY_BUFFER_DEFAULTS));
  const all = { ...LARGE_BODY_BUFFER_DEFAULTS, ...options };
  checkInteger('mmapThreshold', all.mmapThreshold, 0, Number.MAX_SAFE_INTEGER);
  checkInteger('maxBodySize', all.maxBodySize, 0, constants.MAX_LENGTH);
  checkOneOf('backing', all.backing, BACKINGS);
  if (typeof all.tempDir !== 'string' || all.tempDir === '') {
    throw new AgentwireError('ERR_INVALID_ARGUMENT', `tempDir must be a folder's path, got ${typeof all.tempDir}`);
  }
  if (!(all.quota instanceof BodyQuota)) {
    throw new AgentwireError('ERR_INVALID_ARGUMENT', `quota must be a BodyQuota, got ${typeof all.quota}`);
  }
  return all;
}
