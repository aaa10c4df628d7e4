import { AgentwireError } from '@agentwire/core';

/** What the system says when a disk, a disk quota or the process's file size limit is used up. */
const NO_SPACE: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

const codeOf = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : undefined);

/** Turns what `node:fs` and the addon throw into `ERR_NO_SPACE` or `ERR_IO`; the one place where that is done. */
export function toIoError(error: unknown, what: string): AgentwireError {
  if (error instanceof AgentwireError) return error;
  const code = codeOf(error);
  if (NO_SPACE.has(code)) {
    return new AgentwireError('ERR_NO_SPACE', `${what}: no space left (${String(code)})`, { cause: error });
  }
  if (code === 'ESTALE') return truncated(error);
  const text = error instanceof Error ? error.message : String(error);
  return new AgentwireError('ERR_IO', `${what}: ${text}`, { cause: error });
}

/** Somebody inside this process has cut the file: nobody outside can reach it. */
export function truncated(cause?: unknown): AgentwireError {
  return new AgentwireError('ERR_IO', 'the temporary file of a body has lost bytes: something in this process cut it', {
    cause,
  });
}
