import { checkPlain, MAX_JSON_DEPTH, notJson, tooDeep } from '../message/copy-json.ts';
import type { JsonValue } from '../message/payload.ts';

/**
 * Writes a JSON value without spaces and with its keys sorted by their UTF-8 bytes, so that equal values give equal text.
 *
 * Properties that are `undefined` are left out. Throws `ERR_INVALID_ARGUMENT` for everything else that JSON cannot say (holes,
 * functions, `Date`, `Map`, `Set`) and for more than 64 levels.
 */
export function canonicalJson(value: JsonValue | { readonly [key: string]: JsonValue | undefined }): string {
  return write(value, 0);
}

function write(value: unknown, depth: number): string {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return JSON.stringify(value);
    case 'number':
      if (!Number.isFinite(value)) throw notJson(value);
      return JSON.stringify(value);
    case 'object':
      if (value === null) return 'null';
      if (depth > MAX_JSON_DEPTH) throw tooDeep();
      return Array.isArray(value) ? writeList(value, depth) : writeObject(value, depth);
    default:
      throw notJson(value);
  }
}

function writeList(list: readonly unknown[], depth: number): string {
  const items: string[] = [];
  for (let at = 0; at < list.length; at += 1) {
    if (!(at in list)) throw notJson('a hole in an array', true);
    items.push(write(list[at], depth + 1));
  }
  return `[${items.join(',')}]`;
}

function writeObject(object: object, depth: number): string {
  checkPlain(object);
  const record = object as Readonly<Record<string, unknown>>;
  const sorted = Object.keys(record)
    .filter((key) => record[key] !== undefined)
    .toSorted(compareAsUtf8);
  return `{${sorted.map((key) => `${JSON.stringify(key)}:${write(record[key], depth + 1)}`).join(',')}}`;
}

/** UTF-8 sorts as code points do; UTF-16, which `<` compares, does not above U+FFFF. */
function compareAsUtf8(one: string, other: string): number {
  const length = Math.min(one.length, other.length);
  for (let at = 0; at < length; at += 1) {
    const a = one.charCodeAt(at);
    const b = other.charCodeAt(at);
    if (a === b) continue;
    const aHigh = a >= 0xd800 && a <= 0xdfff;
    const bHigh = b >= 0xd800 && b <= 0xdfff;
    if (aHigh !== bHigh) return aHigh ? 1 : -1;
    return a - b;
  }
  return one.length - other.length;
}
