import { readSync } from 'node:fs';
import { AgentwireError } from '@agentwire/core';
import type { ChainEvent } from './chain-event.ts';
import { readChainLine } from './chain-line.ts';
import { readLines } from './chain-lines.ts';
import type { ChainScheme } from './chain-scheme.ts';
import { ChainVerifier } from './chain-verifier.ts';

/**
 * Verifies a segment from its first entry and gives the last one that stays, and where it ends: what a crash left half-written comes after it.
 *
 * @throws AgentwireError `ERR_INTEGRITY` when anything but the end is unsound, or `head` is not in it
 */
export function recover(
  fd: number,
  size: number,
  scheme: ChainScheme,
  head: string | undefined,
): { readonly last: ChainEvent | undefined; readonly end: number; readonly segment: number } {
  const verifier = new ChainVerifier(scheme, head);
  let last: ChainEvent | undefined;
  let end = 0;
  let reachedHead = head === undefined;
  let torn: string | undefined;
  // a write that a power failure cut can leave zeros, of any length, which no program of ours writes.
  for (const line of readLines(fd, sizeWithoutZeros(fd, size))) {
    if (!line.whole) {
      torn = line.text ?? '';
      break;
    }
    if (line.text === undefined) throw new AgentwireError('ERR_INTEGRITY', 'an entry before the last one is no UTF-8');
    const entry = verifier.next(readChainLine(line.text));
    if (verifier.securedUpTo !== entry.sequence) continue;
    last = entry;
    end = line.end;
    reachedHead = verifier.reachedHead;
  }
  if (last === undefined && torn !== undefined && !FIRST_LINE.startsWith(torn.slice(0, FIRST_LINE.length))) {
    throw new AgentwireError('ERR_INTEGRITY', 'the file is no chain, so it is left as it is');
  }
  if (!reachedHead)
    throw new AgentwireError('ERR_INTEGRITY', `the chain ends before the head ${head ?? ''}: it was cut`);
  return { last, end, segment: verifier.segment };
}

/** A torn first line is the beginning of this one; a file of another kind must not be emptied. */
const FIRST_LINE = '{"seq":0,"source":"chain","kind":"genesis",';

function sizeWithoutZeros(fd: number, size: number): number {
  const chunk = Buffer.alloc(64 * 1024);
  for (let end = size; end > 0;) {
    const start = Math.max(0, end - chunk.length);
    const count = readSync(fd, chunk, 0, end - start, start);
    let at = count;
    while (at > 0 && chunk[at - 1] === 0) at -= 1;
    if (at > 0) return start + at;
    end = start;
  }
  return 0;
}
