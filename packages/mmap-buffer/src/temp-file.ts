import { closeSync, constants, fstatSync, ftruncateSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';

import { truncated } from './io-error.ts';

// O_TMPFILE is Linux only and missing in node:fs: a file without a name; O_EXCL: it cannot be given one later
const O_TMPFILE = 0o20000000 | constants.O_DIRECTORY;
const FLAGS = constants.O_RDWR | constants.O_APPEND | constants.O_EXCL;

function openNameless(folder: string): number | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    return openSync(folder, FLAGS | O_TMPFILE, 0o600);
  } catch {
    return undefined; // not supported by this file system, or a wrong folder: the next call tells which
  }
}

/** Opens a file of mode 0600 without a name in `folder`: it is freed with its last descriptor or mapping, at a kill too. */
export function openTempFile(folder: string): number {
  const nameless = openNameless(folder);
  if (nameless !== undefined) return nameless;
  const path = join(folder, `agentwire-body-${randomUUID()}`);
  const fd = openSync(path, FLAGS | constants.O_CREAT, 0o600);
  try {
    unlinkSync(path);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return fd;
}

/** Appends all of `bytes` to a file of `length` bytes, or throws and leaves it as it was. */
export function appendTo(fd: number, length: number, bytes: Uint8Array): void {
  try {
    for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done, bytes.length - done);
  } catch (error) {
    // shortens only: a file that was truncated meanwhile must not be extended with zeros
    if (fstatSync(fd).size > length) ftruncateSync(fd, length);
    throw error;
  }
}

/** Fills `target` from `position` on. @throws AgentwireError `ERR_IO` if the file ends before */
export function readFrom(fd: number, position: number, target: Uint8Array): void {
  for (let done = 0; done < target.length;) {
    const count = readSync(fd, target, done, target.length - done, position + done);
    if (count === 0) throw truncated();
    done += count;
  }
}

/** Checks that the file is `length` bytes long. @throws AgentwireError `ERR_IO` */
export function checkLength(fd: number, length: number): void {
  if (fstatSync(fd).size !== length) throw truncated();
}

export { closeSync as closeTempFile };
