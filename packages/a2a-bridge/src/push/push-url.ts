import { isIP } from 'node:net';
import { AgentwireError } from '@agentwire/core';
import { isPublicAddress } from './public-address.ts';
import type { PushOptions } from './push-options.ts';

/** Host of a URL as sockets take it. */
const hostOf = (url: URL): string => url.hostname.replace(/^\[(.*)\]$/, '$1');

/** URL that may be posted to, as far as can be told without a look-up. @throws `ERR_INVALID_ADDRESS` */
export function checkPushUrl(text: string, options: Pick<PushOptions, 'allowHttp' | 'allowPrivateAddresses'>): URL {
  const url = text.length <= 2048 ? URL.parse(text) : null;
  if (url === null)
    throw new AgentwireError('ERR_INVALID_ADDRESS', 'a push URL must be a URL of at most 2048 characters');
  if (url.protocol !== 'https:' && !(options.allowHttp === true && url.protocol === 'http:'))
    throw new AgentwireError('ERR_INVALID_ADDRESS', `a push URL must begin with https:, got ${url.protocol}`);
  if (url.username !== '' || url.password !== '')
    throw new AgentwireError('ERR_INVALID_ADDRESS', 'a push URL must have no user and password; use authentication');
  const host = hostOf(url);
  if (options.allowPrivateAddresses !== true && isIP(host) !== 0 && !isPublicAddress(host))
    throw new AgentwireError('ERR_INVALID_ADDRESS', 'a push URL must have a public address');
  return url;
}
