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
export function readSecret(flag: string, path: string, example: string): string {
  const secret = readNamedFile(flag, path, example).toString('utf8').trim();
  if (secret === '') throw new UsageError(`${flag} names ${path}, which is empty`, example);
  return secret;
}

/** The secret in the file of `--token-file`. @throws UsageError where there is none */
export function readToken(path: string, example: string): string {
  return readSecret('--token-file', path, example);
}
