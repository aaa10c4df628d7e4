import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  fsync,
  fsyncSync,
  ftruncateSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { AgentwireError, toAgentwireError } from '@agentwire/core';
import type { ChainEvent } from './chain-event.ts';
import { ChainLock } from './chain-lock.ts';
import { recover } from './chain-recovery.ts';
import type { ChainScheme } from './chain-scheme.ts';
import { nextPath, realChainPath, segmentPath } from './chain-segments.ts';

/** State of a chain file when it was opened. */
export interface Recovery {
  /** The last entry that stays; undefined for a new file. */
  readonly last: ChainEvent | undefined;
  /** Bytes of a torn end that were cut off. */
  readonly cutBytes: number;
  /** Number of the segment, from 1. */
  readonly segment: number;
}

/** The open file of one chain: append-only, locked, and checked before every write for changes by other programs. */
export class ChainFile {
  readonly #path: string;
  readonly #lock: ChainLock;
  #fd: number;
  #size: number;
  #closed = false;

  private constructor(fd: number, path: string, size: number, lock: ChainLock) {
    this.#fd = fd;
    this.#path = path;
    this.#size = size;
    this.#lock = lock;
  }

  /** Bytes of the segment that is written. */
  get size(): number {
    return this.#size;
  }

  /**
   * Opens or creates a file, verifies its last segment, and cuts off what a crash left half-written.
   *
   * Throws `ERR_INVALID_STATE` while another process has it open, `ERR_INTEGRITY` when anything but the end is unsound or `head`
   * is not in it, and `ERR_IO` when the file cannot be used.
   */
  static open(
    named: string,
    scheme: ChainScheme,
    head?: string,
  ): { readonly file: ChainFile; readonly recovery: Recovery } {
    const path = realChainPath(named);
    const lock = ChainLock.take(path);
    let fd: number | undefined;
    try {
      finishRotation(path);
      const opened = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_APPEND, 0o600);
      fd = opened;
      const size = fstatSync(opened).size;
      const { last, end, segment } = recover(opened, size, scheme, head);
      if (end < size) {
        ftruncateSync(opened, end);
        fsyncSync(opened);
      }
      return { file: new ChainFile(opened, path, end, lock), recovery: { last, cutBytes: size - end, segment } };
    } catch (error) {
      if (fd !== undefined) closeSync(fd);
      lock.release();
      throw toAgentwireError(error, 'ERR_IO', path);
    }
  }

  /**
   * Puts the file aside as segment `number` and goes on in a new one that begins with `line`.
   *
   * Everything must have been synced. A crash at any point leaves either the old segment or the new one in place.
   */
  rotate(number: number, line: string): void {
    attempt(this.#path, () => {
      const next = nextPath(this.#path);
      const fd = openSync(next, constants.O_RDWR | constants.O_CREAT | constants.O_TRUNC | constants.O_APPEND, 0o600);
      const bytes = Buffer.from(`${line}\n`);
      try {
        for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done);
        fsyncSync(fd);
        renameSync(this.#path, segmentPath(this.#path, number));
        renameSync(next, this.#path);
        syncFolder(this.#path);
      } catch (error) {
        closeSync(fd);
        throw error;
      }
      closeSync(this.#fd);
      this.#fd = fd;
      this.#size = bytes.length;
    });
  }

  /** Writes bytes at the end, whole or, if the system refuses, not at all. @throws AgentwireError `ERR_INTEGRITY` */
  write(bytes: Uint8Array): void {
    attempt(this.#path, () => {
      if (fstatSync(this.#fd).size !== this.#size) {
        throw new AgentwireError('ERR_INTEGRITY', `${this.#path} was changed by another program`);
      }
      try {
        for (let done = 0; done < bytes.length;) done += writeSync(this.#fd, bytes, done);
        this.#size += bytes.length;
      } catch (error) {
        ftruncateSync(this.#fd, this.#size);
        throw error;
      }
    });
  }

  /** Waits until what was written is on the disk. */
  sync(): Promise<void> {
    return new Promise((resolve, reject) => {
      fsync(this.#fd, (error) => (error === null ? resolve() : reject(toAgentwireError(error, 'ERR_IO', this.#path))));
    });
  }

  /** The same without a pause. */
  syncNow(): void {
    attempt(this.#path, () => fsyncSync(this.#fd));
  }

  /** Closes the file and gives the lock back; idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    closeSync(this.#fd);
    this.#lock.release();
  }
}

/** A crash between the two renames leaves the new segment under its first name; one before them leaves it of no use. */
function finishRotation(path: string): void {
  const next = nextPath(path);
  if (!existsSync(next)) return;
  if (existsSync(path)) rmSync(next);
  else renameSync(next, path);
}

function syncFolder(path: string): void {
  const fd = openSync(dirname(path), constants.O_RDONLY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function attempt<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw toAgentwireError(error, 'ERR_IO', path);
  }
}
