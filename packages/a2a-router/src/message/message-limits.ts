import { AgentwireError } from '@agentwire/core';

/** Bytes, in UTF-8, of a message id, a correlation id, a trace id, or the name of a tool, signal, service, method or node. */
export const MAX_ID_BYTES = 256;

/** Bytes, in UTF-8, of an idempotency key. */
export const MAX_KEY_BYTES = 1024;

/** Tells whether a value is a string of at most `most` bytes in UTF-8. */
export function fits(value: unknown, most: number = MAX_ID_BYTES): value is string {
  if (typeof value !== 'string') return false;
  return value.length * 3 <= most || (value.length <= most && Buffer.byteLength(value) <= most);
}

/** Gives a string of 1 to `most` bytes back, else throws `ERR_INVALID_ARGUMENT`. */
export function checkShortText(what: string, value: unknown, most: number = MAX_ID_BYTES): string {
  if (value !== '' && fits(value, most)) return value;
  throw unfit(what, value, `a string of 1 to ${most} bytes`);
}

/** Gives a string of at most `most` bytes back, or undefined, else throws `ERR_INVALID_ARGUMENT`. */
export function checkOptionalShortText(what: string, value: unknown, most: number = MAX_ID_BYTES): string | undefined {
  if (value === undefined || fits(value, most)) return value;
  throw unfit(what, value, `a string of at most ${most} bytes`);
}

function unfit(what: string, value: unknown, wanted: string): AgentwireError {
  const got = typeof value === 'string' ? `${Buffer.byteLength(value)} bytes` : typeof value;
  return new AgentwireError('ERR_INVALID_ARGUMENT', `${what} must be ${wanted}, got ${got}`);
}
