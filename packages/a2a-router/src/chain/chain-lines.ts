import { readSync } from 'node:fs';
import { AgentwireError } from '@agentwire/core';
import { MAX_LINE_BYTES } from './chain-line.ts';

/** One line of a chain file. */
export interface RawLine {
  /** Its text without the line feed; undefined when it is no UTF-8 or too long. */
  readonly text: string | undefined;
  /** Offset of the byte after its line feed. */
  readonly end: number;
  /** False for a last line that no line feed ends. */
  readonly whole: boolean;
}

const CHUNK = 64 * 1024;
const LINE_FEED = 10;

/**
 * Reads an open file line by line without ever holding more than one line and 64 KiB; bytes that are no UTF-8 are never guessed at. Bytes before `from`, where a line begins, and from `size` on are not read.
 *
 * @throws AgentwireError `ERR_INTEGRITY`
 */
export function* readLines(fd: number, size: number = Infinity, from: number = 0): Generator<RawLine> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const decode = (bytes: Uint8Array): string | undefined => {
    try {
      return decoder.decode(bytes);
    } catch {
      return undefined;
    }
  };
  const chunk = Buffer.alloc(CHUNK);
  let rest: Buffer = Buffer.alloc(0);
  let position = from;
  let end = from;
  for (;;) {
    const count = position >= size ? 0 : readSync(fd, chunk, 0, Math.min(CHUNK, size - position), position);
    if (count === 0) break;
    position += count;
    const bytes = Buffer.concat([rest, chunk.subarray(0, count)]);
    let start = 0;
    for (let at = bytes.indexOf(LINE_FEED); at !== -1; at = bytes.indexOf(LINE_FEED, start)) {
      end += at + 1 - start;
      yield { text: decode(bytes.subarray(start, at)), end, whole: true };
      start = at + 1;
    }
    rest = bytes.subarray(start);
    if (rest.length > MAX_LINE_BYTES) {
      throw new AgentwireError('ERR_INTEGRITY', `a line of the chain is longer than ${MAX_LINE_BYTES} bytes`);
    }
  }
  if (rest.length > 0) yield { text: decode(rest), end: end + rest.length, whole: false };
}

/**
 * Reads a file that may be written meanwhile: what is read of a write in hand is no end, so it goes on while `mayGrow` says so.
 *
 * `isEnd` tells whether the lines so far are a whole chain.
 *
 * @throws AgentwireError `ERR_INTEGRITY`
 */
export function* readGrowingLines(fd: number, isEnd: () => boolean, mayGrow: () => boolean): Generator<RawLine> {
  let end = 0;
  for (;;) {
    let torn: RawLine | undefined;
    for (const line of readLines(fd, Infinity, end)) {
      if (!line.whole) {
        torn = line;
        break;
      }
      yield line;
      ({ end } = line);
    }
    if ((torn === undefined && isEnd()) || !mayGrow()) {
      if (torn !== undefined) yield torn;
      return;
    }
  }
}
