import { closeSync, constants, fstatSync, fsync, fsyncSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { AgentwireError, toAgentwireError } from '@agentwire/core';
import { readLines } from './chain-lines.ts';
import { readChainLine } from './chain-line.ts';
import { ChainVerifier } from './chain-verifier.ts';
import type { ChainEvent } from './chain-event.ts';
import type { ChainScheme } from './chain-scheme.ts';

/** What was found when a chain file was opened. */
export interface Recovery {
  /** The last entry that stays; undefined for a new file. */
  readonly last: ChainEvent | undefined;
  /** Bytes of a torn end that were cut off. */
  readonly cutBytes: number;
}

/** The open file of one chain: appended to only, and checked before every write for a stranger's hand. */
export class ChainFile {
  readonly #fd: number;
  readonly #path: string;
  #size: number;

  private constructor(fd: number, path: string, size: number) {
    this.#fd = fd;
    this.#path = path;
    this.#size = size;
  }

  /**
   * Opens or creates a file, verifies all of it, and cuts off what a crash left half-written.
   *
   * Throws `ERR_INTEGRITY` when anything but the end is unsound, and `ERR_IO` when the file cannot be used.
   */
  static open(path: string, scheme: ChainScheme): { readonly file: ChainFile; readonly recovery: Recovery } {
    const fd = attempt(path, () => openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_APPEND, 0o600));
    try {
      const size = fstatSync(fd).size;
      const { last, end } = recover(fd, scheme);
      if (end < size) {
        ftruncateSync(fd, end);
        fsyncSync(fd);
      }
      return { file: new ChainFile(fd, path, end), recovery: { last, cutBytes: size - end } };
    } catch (error) {
      closeSync(fd);
      throw toAgentwireError(error, 'ERR_IO', path);
    }
  }

  /** Writes bytes at the end, whole or, if the system refuses, not at all. */
  write(bytes: Uint8Array): void {
    attempt(this.#path, () => {
      if (fstatSync(this.#fd).size !== this.#size) {
        throw new AgentwireError('ERR_INTEGRITY', `${this.#path} was changed by somebody else`);
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

  /** Closes the file. */
  close(): void {
    closeSync(this.#fd);
  }
}

function recover(fd: number, scheme: ChainScheme): { readonly last: ChainEvent | undefined; readonly end: number } {
  const verifier = new ChainVerifier(scheme);
  let kept: { readonly last: ChainEvent | undefined; readonly end: number } = { last: undefined, end: 0 };
  let torn = false;
  for (const line of readLines(fd)) {
    if (torn) throw new AgentwireError('ERR_INTEGRITY', 'an entry before the last one is unsound');
    if (!line.whole) break;
    // A write that a power failure cut can leave zeros, which no program of ours writes.
    if (line.text === undefined || line.text.startsWith('\0')) {
      torn = true;
      continue;
    }
    const last = verifier.next(readChainLine(line.text));
    if (verifier.securedUpTo === last.sequence) kept = { last, end: line.end };
  }
  return kept;
}

function attempt<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw toAgentwireError(error, 'ERR_IO', path);
  }
}
