import { openSync } from 'node:fs';
import { AgentwireError, toAgentwireError } from '@agentwire/core';
import { checkOptions, checkText, OPTION, type OptionTable } from '@agentwire/core/internal';
import { begin, type ChainKey } from './begin-verification.ts';
import type { ChainEvent } from './chain-event.ts';
import { readGrowingLines } from './chain-lines.ts';
import { ChainLock } from './chain-lock.ts';
import { readChainLine } from './chain-line.ts';
import { type ChainReport, type Found, report } from './chain-report.ts';
import { createChainScheme } from './chain-scheme.ts';
import { openCurrent, realChainPath, segmentsBefore, withFile } from './chain-segments.ts';
import { parseHead } from './chain-verifier.ts';

/** Keys and heads that {@link verifyChainFile} checks against. */
export interface VerifyChainOptions {
  /**
   * Secret of a keyed chain, or Ed25519 key of a signed one; several when the key was rotated. With a key, a chain that is not
   * protected by it fails.
   */
  readonly key?: ChainKey | readonly ChainKey[] | undefined;
  /** A head, `sequence:hash`, that was kept outside; without one truncation at an entry cannot be found. */
  readonly head?: string | undefined;
  /** Number that the chain must have, 0 to 4 294 967 295; without one any number is accepted. */
  readonly chainId?: number | undefined;
  /** True to verify the segments `<path>.000001`, … that are there, and the file, as a row. Default false: the file alone. */
  readonly segments?: boolean | undefined;
}

/** Looks at the end of a file that is being written, and milliseconds between two of them. */
const MAX_LOOKS = 50;
const PAUSE_MS = 5;

const TABLE: OptionTable<VerifyChainOptions> = {
  // looked at as the key of a chain, where it is used.
  key: () => undefined,
  head: (_name, value) => void parseHead(value as string),
  chainId: OPTION.integer(0, 0xffff_ffff),
  segments: OPTION.boolean,
};

/**
 * Reads a chain file from its first entry to its last and tells whether every hash, key and signature holds.
 *
 * A chain that is not sound is a report with `ok: false`, whatever the file holds; only a file that cannot be read throws
 * (`ERR_IO`), and options that are wrong (`ERR_INVALID_ARGUMENT`).
 */
export function verifyChainFile(path: string, options: VerifyChainOptions = {}): ChainReport {
  checkText('path', path);
  checkOptions('verifyChainFile', options, TABLE);
  for (const key of keysOf(options)) createChainScheme(key instanceof Uint8Array ? { key } : { signingKey: key });
  const real = attempt(path, () => realChainPath(path));
  // the file that is written is opened first, so that one which is put aside meanwhile is the last of the row, and not missing in it
  return withFile(
    attempt(path, () => openCurrent(real)),
    (current) => {
      const before = options.segments === true ? attempt(path, () => segmentsBefore(real, current)) : [];
      let anchor: ChainEvent | undefined;
      for (const file of before) {
        const opened = attempt(file, () => openSync(file, 'r'));
        const [result, end] = withFile(opened, (fd) => verifyOne(file, fd, options, anchor, undefined));
        if (!result.ok) return result;
        anchor = end;
      }
      return verifyOne(path, current, options, anchor, real)[0];
    },
  );
}

/** Verifies one file, and gives its last entry; `writing` is the path of the one that a process may be writing. */
function verifyOne(
  path: string,
  fd: number,
  options: VerifyChainOptions,
  anchor: ChainEvent | undefined,
  writing: string | undefined,
): readonly [ChainReport, ChainEvent | undefined] {
  const found: Found = { verifier: undefined, format: undefined, algorithm: undefined, line: 0 };
  const problem = check(path, fd, options, found, anchor, writing);
  return [report(path, found, options.head, problem), found.verifier?.last];
}

/** Verifies the entries of one file; gives back what is wrong with it. */
function check(
  path: string,
  fd: number,
  options: VerifyChainOptions,
  found: Found,
  anchor: ChainEvent | undefined,
  writing: string | undefined,
): string | undefined {
  let looks = 1;
  const isWritten = (): boolean => {
    looks += 1;
    if (writing === undefined || looks > MAX_LOOKS || !ChainLock.isHeld(writing)) return false;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS);
    return true;
  };
  try {
    for (const raw of readGrowingLines(fd, () => found.verifier?.isSecured === true, isWritten)) {
      found.line += 1;
      if (!raw.whole) throw new AgentwireError('ERR_INTEGRITY', 'the last line is torn');
      if (raw.text === undefined) throw new AgentwireError('ERR_INTEGRITY', 'the line is no UTF-8');
      const line = readChainLine(raw.text);
      found.verifier ??= begin(line, keysOf(options), options, found, anchor);
      found.verifier.next(line);
    }
    if (found.verifier === undefined) throw new AgentwireError('ERR_INTEGRITY', 'the chain is empty');
    found.verifier.finish(writing !== undefined);
    return undefined;
  } catch (error) {
    // only the system's refusal to read is no statement about the chain.
    if ((error as { readonly syscall?: unknown } | null)?.syscall !== undefined)
      throw toAgentwireError(error, 'ERR_IO', path);
    const message = error instanceof Error ? error.message : String(error);
    return isUnproven(found, options) ? `${message}, or the key is not the chain's` : message;
  }
}

/** Returns whether a key was used and it has proven nothing: it may be another chain's. */
function isUnproven({ verifier, algorithm }: Found, options: VerifyChainOptions): boolean {
  if (verifier === undefined || keysOf(options).length === 0) return false;
  return algorithm === 'ed25519' ? verifier.securedUpTo < 0 : verifier.first === undefined;
}

function keysOf({ key }: VerifyChainOptions): readonly ChainKey[] {
  if (key === undefined) return [];
  return Array.isArray(key) ? (key as readonly ChainKey[]) : [key as ChainKey];
}

function attempt<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw toAgentwireError(error, 'ERR_IO', path);
  }
}
