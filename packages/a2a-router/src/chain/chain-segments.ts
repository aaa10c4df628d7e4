import { closeSync, fstatSync, openSync, readdirSync, readlinkSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { AgentwireError } from '@agentwire/core';

/** Links from name to name that are followed, as many as Linux does. */
const MAX_LINKS = 40;
/** Attempts to open a file that is being put aside at that moment. */
const ATTEMPTS = 10;

/** Path that a symbolic link leads to, so that a chain has one lock and one row of segments under all of its names. @throws AgentwireError `ERR_IO` */
export function realChainPath(path: string): string {
  let at = path;
  for (let links = 0; links < MAX_LINKS; links += 1) {
    const next = targetOf(at);
    if (next === undefined) return at;
    at = resolve(dirname(at), next);
  }
  throw new AgentwireError('ERR_IO', `${path} is a symbolic link that leads to too many others`);
}

/** Path of a segment that was put aside. */
export function segmentPath(path: string, number: number): string {
  return `${path}.${String(number).padStart(6, '0')}`;
}

/** Path of the segment that is about to be written. */
export function nextPath(path: string): string {
  return `${path}.next`;
}

/** Opens the file that is written now, also while it is being put aside: its successor has its name then, or will have it. */
export function openCurrent(path: string): number {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return openSync(path, 'r');
    } catch (error) {
      if (!isMissing(error)) throw error;
      try {
        return openSync(nextPath(path), 'r');
      } catch (problem) {
        if (!isMissing(problem) || attempt >= ATTEMPTS) throw error;
      }
    }
  }
}

/** Segments that were put aside before the open file `fd`; itself, and what was begun after it was opened, are none of them. */
export function segmentsBefore(path: string, fd: number): string[] {
  const name = `${basename(path)}.`;
  const folder = dirname(path);
  const number = (file: string): number => Number(file.slice(name.length));
  const files = readdirSync(folder)
    .filter((file) => file.startsWith(name) && /^\d{6,}$/.test(file.slice(name.length)))
    .toSorted((one, other) => number(one) - number(other))
    .map((file) => join(folder, file));
  const { dev, ino } = fstatSync(fd, { bigint: true });
  const itself = files.findLastIndex((file) => {
    const found = statSync(file, { bigint: true, throwIfNoEntry: false });
    return found?.ino === ino && found.dev === dev;
  });
  return itself === -1 ? files : files.slice(0, itself);
}

function targetOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

function isMissing(error: unknown): boolean {
  return (error as { readonly code?: string } | undefined)?.code === 'ENOENT';
}

/** Runs something with an open file, and closes it. */
export function withFile<T>(fd: number, use: (fd: number) => T): T {
  try {
    return use(fd);
  } finally {
    closeSync(fd);
  }
}
