import type { HeaderList } from '@agentwire/core';

/** Thrown for a request that agents and an application could read differently; it is answered 400. */
export class AmbiguousRequest extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'AmbiguousRequest';
  }
}

const ABSOLUTE = /^[a-z][a-z\d+.-]*:\/\/[^/?\\]*(.*)$/i;

/**
 * Returns path and query of a target, which is what applications route: that of `GET http://host/path` is `/path`.
 *
 * @throws AmbiguousRequest for a fragment or white space, which parsers of applications cut off
 */
export function pathOf(target: string): string {
  if (/[\s#]/.test(target)) throw new AmbiguousRequest('the request target has a fragment or white space');
  const rest = ABSOLUTE.exec(target)?.[1];
  if (rest === undefined || rest.startsWith('/')) return rest ?? target;
  if (rest === '' || rest.startsWith('?')) return `/${rest}`;
  throw new AmbiguousRequest('the request target is neither a path nor http://HOST/PATH');
}

/** Refuses two hosts: the application may read the other one. @throws AmbiguousRequest */
export function checkOneHost(lines: HeaderList): void {
  let hosts = 0;
  for (let at = 0; at < lines.length; at += 2) if (lines[at]?.toLowerCase() === 'host') hosts += 1;
  if (hosts > 1) throw new AmbiguousRequest('the request has two hosts');
}
