import { AgentwireError } from '../errors.ts';

/** Longest token, in characters. */
export const MAX_TOKEN_LENGTH: number = 16_384;

/** Returns whether a text can be a token on every transport: 1 to 16 384 visible ASCII characters. */
export function isToken(text: string): boolean {
  return text.length <= MAX_TOKEN_LENGTH && /^[\x21-\x7e]+$/.test(text);
}

/** Returns `value` if it can be a token. @throws AgentwireError `ERR_INVALID_ARGUMENT` naming the option, never the token */
export function checkToken(name: string, value: unknown): string {
  if (typeof value === 'string' && isToken(value)) return value;
  const got = typeof value === 'string' ? `${value.length} characters, or one that is not visible ASCII` : typeof value;
  throw new AgentwireError(
    'ERR_INVALID_ARGUMENT',
    `${name} must be 1 to ${MAX_TOKEN_LENGTH} visible ASCII characters, got ${got}`,
  );
}
