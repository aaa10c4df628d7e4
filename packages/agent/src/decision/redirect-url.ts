import { AgentwireError } from '@agentwire/core';

/** Throws for a url that a Location header cannot hold as it is. */
export function checkUrl(url: string): void {
  if (/^[\x21-\x7e]+$/.test(url)) return;
  const what = 'the url of a redirect must be printable ASCII without spaces; encode it first';
  throw new AgentwireError('ERR_INVALID_HEADER', what, { detail: { field: 'verdict.url' } });
}
