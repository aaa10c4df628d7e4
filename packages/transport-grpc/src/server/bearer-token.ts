import { AgentwireError } from '@agentwire/core';
import { isToken, MAX_TOKEN_LENGTH } from '@agentwire/core/internal';

/**
 * Token of an `authorization: Bearer …` header; undefined without one, or with one of another kind.
 *
 * @throws AgentwireError `ERR_UNAUTHORIZED` for an invalid token
 */
export function bearerToken(authorization: string | undefined): string | undefined {
  const match = /^Bearer +(.*)$/is.exec(authorization ?? '');
  const token = match?.[1];
  if (token === undefined || isToken(token)) return token;
  throw new AgentwireError(
    'ERR_UNAUTHORIZED',
    `the bearer token must be 1 to ${MAX_TOKEN_LENGTH} visible ASCII characters`,
  );
}
