import { AgentwireError } from '@agentwire/core';
import { isAmbiguousPath, plainPath } from '@agentwire/core/internal';
import type { PathOptions } from '../define/path-options.ts';

/** Path of segments that need no work, none of which begins with a dot. */
const PLAIN = /^(?:\/[\w~!$&'()*+,=:@-][\w.~!$&'()*+,=:@-]*)+\/?$/;
const AUTHORITY = /^https?:\/\/[^/?#]*/i;
const DOT_SEGMENT = /\/\.{1,2}(?:\/|$)/;
/** `.` or `..` with parameters, which some servers take for a name. */
const DOT_WITH_PARAMETERS = /\/(?:\.|%2e){1,2};/i;

function ambiguous(why: string): AgentwireError {
  return new AgentwireError('ERR_AMBIGUOUS_URI', `the uri of this request names no one resource: ${why}`);
}

/** Checks that every escape is one, of UTF-8 text. @throws AgentwireError `ERR_AMBIGUOUS_URI` */
function checkEscapes(text: string, part: string): void {
  if (!text.includes('%')) return;
  try {
    decodeURIComponent(text);
  } catch {
    throw ambiguous(`its ${part} has an escape that cannot be decoded`);
  }
}

/** Resolves `.` and `..` segments, as RFC 3986 §5.2.4 does. */
function withoutDots(path: string): string {
  const kept: string[] = [];
  const segments = path.split('/').slice(1);
  for (const segment of segments) {
    if (segment === '..') kept.pop();
    else if (segment !== '.') kept.push(segment);
  }
  const last = segments.at(-1);
  return `/${kept.join('/')}${(last === '.' || last === '..') && kept.length > 0 ? '/' : ''}`;
}

function dotsResolved(sent: string, plain: string, { dotSegments }: PathOptions): string {
  if (dotSegments !== 'resolve') throw ambiguous('its path has . or .. segments');
  if (DOT_WITH_PARAMETERS.test(sent)) throw ambiguous('its path has . or .. segments with parameters');
  if (plain.includes('//')) throw ambiguous('its path has . or .. segments and empty ones');
  return withoutDots(plain);
}

function slashesResolved(path: string, { duplicateSlashes }: PathOptions): string {
  if (duplicateSlashes === 'refuse') throw ambiguous('its path has empty segments');
  return duplicateSlashes === 'keep' ? path : path.replaceAll(/\/{2,}/g, '/');
}

function normalized(sent: string, options: PathOptions): string {
  checkEscapes(sent, 'path');
  if (/[^!-~\u0080-\uffff]|#/.test(sent)) throw ambiguous('its path has a fragment, a space or a control character');
  let path = plainPath(sent);
  if (DOT_SEGMENT.test(path)) path = dotsResolved(sent, path, options);
  else if (path.includes('//')) path = slashesResolved(path, options);
  // what is left of it beside empty segments that are kept
  if (isAmbiguousPath(path.replaceAll(/\/{2,}/g, '/')))
    throw ambiguous('its path has a backslash, or an escaped slash, backslash or NUL');
  return path;
}

/** Returns the path of a uri in one spelling. @throws AgentwireError `ERR_AMBIGUOUS_URI` */
export function requestPath(uri: string, options: PathOptions): string {
  const rest = uri.startsWith('/') ? uri : uri.replace(AUTHORITY, '');
  const end = rest.indexOf('?');
  const sent = end < 0 ? rest : rest.slice(0, end);
  if (PLAIN.test(sent) || sent === '/' || sent === '*') return sent;
  if (sent === '' && rest !== uri) return '/';
  if (!sent.startsWith('/')) throw ambiguous('it has no path');
  return normalized(sent, options);
}

/** Returns the parameters of a uri. @throws AgentwireError `ERR_AMBIGUOUS_URI` */
export function requestQuery(uri: string): URLSearchParams {
  const start = uri.indexOf('?');
  const query = start < 0 ? '' : uri.slice(start + 1);
  checkEscapes(query, 'query');
  return new URLSearchParams(query);
}
