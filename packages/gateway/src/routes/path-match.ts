import { AgentwireError } from '@agentwire/core';
import { isAmbiguousPath, plainPath } from '@agentwire/core/internal';

/** Match of a path: `undefined` where it does not match, else the part of the path, as it was sent, after a prefix. */
export type PathMatch = (path: MatchedPath) => string | undefined;

/** Path of a request in the forms that routes are matched with. */
export interface MatchedPath {
  /** Path as it was sent, without its query. */
  readonly sent: string;
  /** The same without escapes of letters, digits and `-._~`, and without parameters (`;…`) of segments. */
  readonly plain: string;
}

/** Returns the path of a target in the forms that routes are matched with. */
export function matchedPath(target: string): MatchedPath {
  const query = target.indexOf('?');
  const sent = query === -1 ? target : target.slice(0, query);
  return { sent, plain: plainPath(sent) };
}

/** Checks a path of a route: absolute, without query, and such that no client's path is refused for it. @throws AgentwireError */
export function checkRoutePath(name: string, value: unknown): void {
  if (typeof value === 'string' && /^\/[!-~]*$/.test(value) && !/[?#;]/.test(value)) {
    if (!isAmbiguousPath(value) && matchedPath(value).plain === value) return;
  }
  const got = typeof value === 'string' ? JSON.stringify(value.slice(0, 80)) : typeof value;
  throw new AgentwireError(
    'ERR_INVALID_ARGUMENT',
    `${name} must be a path such as /api, without ? # ; // . or .. segments and without escapes of letters and digits, got ${got}`,
  );
}

/** Returns the match of one whole path. */
export function exactPath(path: string): PathMatch {
  return ({ plain }) => (plain === path ? '' : undefined);
}

/** Returns the rest of `sent` after as many segments as `prefix` has. */
function afterSegments(sent: string, segments: number): string {
  let at = 0;
  for (let count = 0; count < segments; count += 1) {
    at = sent.indexOf('/', at + 1);
    if (at === -1) return '';
  }
  return sent.slice(at);
}

/** Returns the match of a path and everything below it: `/api` matches `/api` and `/api/x`, not `/apix`. */
export function prefixPath(prefix: string): PathMatch {
  const base = prefix.endsWith('/') ? prefix.slice(0, -1) : prefix;
  const segments = base.split('/').length - 1;
  if (base === '') return ({ sent }) => sent;
  return ({ sent, plain }) => {
    if (!plain.startsWith(base)) return undefined;
    const next = plain.charCodeAt(base.length);
    // end of the path, or a slash
    if (!Number.isNaN(next) && next !== 0x2f) return undefined;
    // /api/ means what is below it
    if (prefix.length > base.length && Number.isNaN(next)) return undefined;
    return afterSegments(sent, segments);
  };
}
