import { AgentwireError } from '@agentwire/core';
import { checkInteger, OPTION, type OptionRows, resolveOptions } from '@agentwire/core/internal';

/** Options of a {@link BodyQuota}. */
export interface BodyQuotaOptions {
  /** Bytes that all buffers of this quota may hold together, on heap and disk. Default 1 GiB, at least 0. */
  readonly maxBytes?: number;
}

const ROWS: OptionRows<BodyQuotaOptions> = {
  maxBytes: { check: OPTION.integer(0, Number.MAX_SAFE_INTEGER), default: 1024 ** 3 },
};

/**
 * One limit over many body buffers, so that a thousand uploads cannot fill the disk.
 *
 * A quota belongs to one thread: each worker counts for itself.
 */
export class BodyQuota {
  /** Bytes that may be held together. */
  readonly maxBytes: number;
  #usedBytes = 0;

  /** @throws AgentwireError `ERR_INVALID_ARGUMENT` for an unknown option or a wrong value */
  constructor(options: BodyQuotaOptions = {}) {
    this.maxBytes = resolveOptions('BodyQuota', options, ROWS).maxBytes;
  }

  /** Bytes that are held now. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /**
   * Counts `bytes` in, or nothing if it throws.
   *
   * @throws AgentwireError `ERR_NO_SPACE` if they do not fit, `ERR_INVALID_ARGUMENT` for no number of bytes
   */
  take(bytes: number): void {
    checkInteger('bytes', bytes, 0, Number.MAX_SAFE_INTEGER);
    if (this.#usedBytes + bytes > this.maxBytes) {
      const message = `${bytes} more bytes do not fit into the quota of ${this.maxBytes}, ${this.#usedBytes} are in use`;
      throw new AgentwireError('ERR_NO_SPACE', message, {
        detail: { bytes, usedBytes: this.#usedBytes, maxBytes: this.maxBytes },
      });
    }
    this.#usedBytes += bytes;
  }

  /** Counts `bytes` out again. @throws AgentwireError `ERR_INVALID_ARGUMENT` for more than were counted in */
  give(bytes: number): void {
    this.#usedBytes -= checkInteger('bytes', bytes, 0, this.#usedBytes);
  }
}

/** Quota of all buffers without one of their own. */
export const sharedBodyQuota: BodyQuota = new BodyQuota();
