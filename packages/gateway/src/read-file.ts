import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';

/** Longest file of a configuration, in bytes. */
export const MAX_FILE_BYTES: number = 4 * 1024 * 1024;

const PIECE_BYTES = 65_536;

function failure(reason: string): Error {
  return Object.assign(new Error(reason), { code: reason });
}

/**
 * Reads a file that is named in a configuration, of at most {@link MAX_FILE_BYTES}.
 *
 * @param regular refuses pipes and devices: a process that serves would wait for them, or read them without an end
 * @throws Error of the file system, or one whose `code` is the reason
 */
export function readFile(path: string, regular: boolean): Buffer {
  // opening a pipe without a writer waits for one
  const fd = openSync(path, regular ? constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) : constants.O_RDONLY);
  try {
    const stats = fstatSync(fd);
    if (regular && !stats.isFile() && !stats.isDirectory()) throw failure('no regular file');
    const pieces: Buffer[] = [];
    for (let bytes = 0; ;) {
      const piece = Buffer.allocUnsafe(PIECE_BYTES);
      const count = readSync(fd, piece);
      if (count === 0) return Buffer.concat(pieces);
      bytes += count;
      if (bytes > MAX_FILE_BYTES) throw failure(`longer than ${MAX_FILE_BYTES} bytes`);
      pieces.push(piece.subarray(0, count));
    }
  } finally {
    closeSync(fd);
  }
}
