import { equalsHeaderName } from './intern-header-name.ts';
import { valueIn } from './raw-list.ts';

/**
 * A plain object of headers, as `IncomingMessage.headers`, `headersDistinct` and `http.request` have it.
 *
 * Names may be in any case. `undefined` values count as absent. Only own properties are read.
 */
export type HeaderObject = Readonly<Record<string, string | readonly string[] | undefined>>;

function pushLines(list: string[], name: string, value: string | readonly string[] | undefined): void {
  if (typeof value === 'string') list.push(name, value);
  else if (value !== undefined) for (const one of value) list.push(name, one);
}

/** The lines of `object` as a fresh raw list: all of them, or those of one name. */
export function listOf(object: HeaderObject, lower?: string): string[] {
  const list: string[] = [];
  for (const name of Object.keys(object)) {
    if (lower === undefined || equalsHeaderName(name, lower)) pushLines(list, name, object[name]);
  }
  return list;
}

/** All values of `lower` as one, or `undefined`; allocates only where several values have to be joined. */
export function valueOf(object: HeaderObject, lower: string): string | undefined {
  let found: string | undefined;
  for (const name in object) {
    if (!equalsHeaderName(name, lower) || !Object.hasOwn(object, name)) continue;
    const value = object[name];
    if (value === undefined) continue;
    if (typeof value !== 'string' || found !== undefined) return valueIn(listOf(object, lower), lower);
    found = value;
  }
  return found;
}
