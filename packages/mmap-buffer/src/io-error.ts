import { AgentwireError } from '@agentwire/core';

/** Error codes of a full disk, an exhausted disk quota and the process's file size limit. */
const NO_SPACE: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

const codeOf = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : undefined);

/** Converts an error of `node:fs` or the addon to `ERR_NO_SPACE` or `ERR_IO`. */
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

/** Error of a file that was truncated by code of this process: no other process can reach it. */
export function truncated(cause?: unknown): AgentwireError {
  return new AgentwireError('ERR_IO', 'the temporary file of a body has lost bytes: something in this process cut it', {
    cause,
  });
}
