import { AgentwireError } from '@agentwire/core';
import { parseExact, stringifyJson } from '@agentwire/wire-codec/internal';

const MAX_DEPTH = 32;
const MAX_NODES = 100_000;

/**
 * Makes a JSON text field; `undefined` is `null`, a bigint a whole number.
 *
 * @throws AgentwireError `ERR_INVALID_ARGUMENT` for a value that has no JSON
 */
export function toJson(value: unknown): string {
  return value === undefined ? 'null' : stringifyJson(value);
}

function check(name: string, value: unknown, depth: number, seen: { nodes: number }): void {
  seen.nodes += 1;
  if (depth > MAX_DEPTH || seen.nodes > MAX_NODES) {
    throw new AgentwireError(
      'ERR_PROTOCOL',
      `${name} is deeper than ${MAX_DEPTH} levels or has more than ${MAX_NODES} values`,
    );
  }
  if (typeof value !== 'object' || value === null) return;
  for (const key of Object.keys(value)) check(name, (value as Record<string, unknown>)[key], depth + 1, seen);
}

/** Reads a JSON text field; whole numbers past 2^53−1 are bigints. @throws AgentwireError `ERR_PROTOCOL` for other text, past 32 levels or 100 000 values. */
export function fromJson(name: string, text: string): unknown {
  let value: unknown;
  try {
    value = parseExact(text);
  } catch {
    // the parser's own message quotes the text, which may be a secret
    throw new AgentwireError('ERR_PROTOCOL', `${name} is not JSON, or has a whole number of more than 64 bits`);
  }
  check(name, value, 0, { nodes: 0 });
  return value;
}

/** Makes a map field whose values are JSON text. */
export function toJsonMap(values: Readonly<Record<string, unknown>> | undefined): Record<string, string> {
  const map: Record<string, string> = {};
  for (const [key, value] of Object.entries(values ?? {})) {
    if (value !== undefined) setOwn(map, key, toJson(value));
  }
  return map;
}

/** Reads a map field whose values are JSON text, or, from peers that do not do so, text. */
export function fromJsonMap(map: Readonly<Record<string, string>>): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const [key, text] of Object.entries(map)) {
    let value: unknown = text;
    try {
      value = fromJson(key, text);
    } catch {
      // plain text stays what it is
    }
    setOwn(values, key, value);
  }
  return values;
}

/** Copies a map field. */
export function copyMap(map: Readonly<Record<string, string>>): Record<string, string> {
  const copy: Record<string, string> = {};
  for (const [key, value] of Object.entries(map)) setOwn(copy, key, value);
  return copy;
}

/** Sets an own property, `__proto__` too. */
function setOwn<T>(target: Record<string, T>, key: string, value: T): void {
  if (key === '__proto__')
    Object.defineProperty(target, key, { value, enumerable: true, writable: true, configurable: true });
  else target[key] = value;
}
