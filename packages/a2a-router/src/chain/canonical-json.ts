import { AgentwireError } from '@agentwire/core';
import type { JsonValue } from '../message/payload.ts';

const MAX_DEPTH = 64;

/**
 * Writes a JSON value without spaces and with its keys sorted by their UTF-8 bytes, so that equal values give equal text.
 *
 * Throws `ERR_INVALID_ARGUMENT` for what JSON cannot say and for more than 64 levels.
 */
export function canonicalJson(value: JsonValue): string {
  return write(value, 0);
}

function write(value: JsonValue | undefined, depth: number): string {
  if (depth > MAX_DEPTH)
    throw new AgentwireError('ERR_INVALID_ARGUMENT', `a JSON value is nested more than ${MAX_DEPTH} deep`);
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return JSON.stringify(value);
    case 'number':
      if (!Number.isFinite(value)) throw new AgentwireError('ERR_INVALID_ARGUMENT', `JSON has no number ${value}`);
      return JSON.stringify(value);
    case 'object':
      if (value === null) return 'null';
      return Array.isArray(value) ? writeList(value as readonly JsonValue[], depth) : writeObject(value, depth);
    default:
      throw new AgentwireError('ERR_INVALID_ARGUMENT', `JSON has no ${typeof value}`);
  }
}

function writeList(list: readonly JsonValue[], depth: number): string {
  return `[${list.map((item) => write(item, depth + 1)).join(',')}]`;
}

function writeObject(object: object, depth: number): string {
  const record = object as Readonly<Record<string, JsonValue | undefined>>;
  const keys = Object.keys(record).filter((key) => record[key] !== undefined);
  const sorted = keys.toSorted(compareAsUtf8);
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
