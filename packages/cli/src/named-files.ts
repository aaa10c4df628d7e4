import { readFileSync } from 'node:fs';
import { isToken, MAX_TOKEN_LENGTH } from '@agentwire/core/internal';
import { readFile } from '@agentwire/gateway/internal';
import { UsageError } from './usage-error.ts';

/** Reads a file that a flag, or a key of a file, names. @throws UsageError where it cannot be read */
export type ReadNamedFile = (named: string, path: string, example: string) => Buffer;

/** Runs a read of a file. @throws UsageError where it cannot be read */
function readable<T>(named: string, path: string, example: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new UsageError(`${named} names ${path}, which cannot be read (${code})`, example);
  }
}

/** The bytes of a file that a flag names. @throws UsageError where it cannot be read */
export const readNamedFile: ReadNamedFile = (named, path, example) =>
  readable(named, path, example, () => readFileSync(path));

/** The secret in a file, without the space around it. @throws UsageError where there is none: it would let everybody in */
export function readSecret(named: string, path: string, example: string, read: ReadNamedFile = readNamedFile): string {
  const secret = read(named, path, example).toString('utf8').trim();
  if (secret === '') throw new UsageError(`${named} names ${path}, which is empty`, example);
  return secret;
}

/** The token in a file, without the space around it. @throws UsageError where there is none, or one that no connection can carry */
export function readToken(named: string, path: string, example: string, read: ReadNamedFile = readNamedFile): string {
  const token = readSecret(named, path, example, read);
  if (isToken(token)) return token;
  const lines = token.split('\n').length;
  const got = lines > 1 ? `${lines} lines` : 'other characters, or more of them';
  throw new UsageError(
    `${named} names ${path}, which must hold one token of 1 to ${MAX_TOKEN_LENGTH} visible ASCII characters, and has ${got}`,
    example,
  );
}

/** Files that settings name, each read once, so that the content which is compared with that of a later reading is the one in use. */
export class NamedFiles {
  readonly #contents = new Map<string, Buffer>();
  readonly #onRead: ((path: string) => void) | undefined;

  readonly #regular: boolean;

  /**
   * @param onRead called with each file before it is read, so that one which is missing can be watched too
   * @param regular refuses pipes and devices, which stop a process that serves already
   */
  constructor(onRead?: (path: string) => void, regular = false) {
    this.#onRead = onRead;
    this.#regular = regular;
  }

  /** Reads a file as {@link readNamedFile} does, the first time. */
  readonly read: ReadNamedFile = (named, path, example) => readable(named, path, example, () => this.bytes(path));

  /** Reads a file, the first time. @throws Error of the file system */
  bytes(path: string): Buffer {
    const known = this.#contents.get(path);
    if (known !== undefined) return known;
    this.#onRead?.(path);
    const bytes = readFile(path, this.#regular);
    this.#contents.set(path, bytes);
    return bytes;
  }
}
