import { createReadStream } from 'node:fs';
import { AgentwireError } from '@agentwire/core';
import { parseRecordedRequest, type RecordedRequest } from './recorded-request.ts';

/** Longest line of a recording, in characters. */
const MAX_LINE_CHARACTERS = 128 * 1024 ** 2;

/** Line of a file. */
export interface RecordingLine {
  /** Number of the line, from 1. */
  readonly line: number;
  /** `undefined` where the line is not one of a recording, such as the last one of a process that was killed. */
  readonly request: RecordedRequest | undefined;
}

async function* linesOf(file: string): AsyncGenerator<string> {
  let rest = '';
  const pieces: AsyncIterable<string> = createReadStream(file, { encoding: 'utf8', highWaterMark: 256 * 1024 });
  for await (const piece of pieces) {
    const lines = (rest + piece).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > MAX_LINE_CHARACTERS)
      throw new AgentwireError(
        'ERR_INVALID_ARGUMENT',
        `${file} has a line of more than ${MAX_LINE_CHARACTERS} characters`,
      );
    yield* lines;
  }
  if (rest !== '') yield rest;
}

/**
 * Reads a recording line by line.
 *
 * @throws AgentwireError `ERR_INVALID_ARGUMENT` for a file that cannot be read
 */
export async function* readRecording(file: string): AsyncGenerator<RecordingLine> {
  let line = 0;
  try {
    for await (const text of linesOf(file)) {
      line += 1;
      if (text !== '') yield { line, request: parseRecordedRequest(text) };
    }
  } catch (cause) {
    if (cause instanceof AgentwireError) throw cause;
    const code = (cause as NodeJS.ErrnoException).code ?? (cause as Error).message;
    throw new AgentwireError('ERR_INVALID_ARGUMENT', `${file} cannot be read (${code})`, { cause });
  }
}
