import { readFileSync } from 'node:fs';
import { UsageError } from './usage-error.ts';

/** The bytes of a file that a flag names. @throws UsageError where it cannot be read */
export function readNamedFile(flag: string, path: string, example: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new UsageError(`${flag} names ${path}, which cannot be read (${code})`, example);
  }
}

/** The secret in a file, without the space around it. @throws UsageError where there is none: it would let everybody in */
export function readToken(path: string, example: string): string {
  const token = readNamedFile('--token-file', path, example).toString('utf8').trim();
  if (token === '') throw new UsageError(`--token-file names ${path}, which is empty`, example);
  return token;
}
