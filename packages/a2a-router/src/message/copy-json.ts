import { AgentwireError } from '@agentwire/core';
import type { JsonValue } from './payload.ts';

/** Levels of nesting that a JSON value of a message or a chain event has at most. */
export const MAX_JSON_DEPTH = 64;

/**
 * Copies a JSON value deeply, so that later changes of the original are not seen.
 *
 * @throws `ERR_INVALID_ARGUMENT` for everything that JSON cannot say without a loss: `undefined`, functions, symbols, bigints,
 * numbers that are not finite, holes in arrays, `Date`, `Map`, `Set` and other class instances, and more than 64 levels.
 */
export function copyJson(value: unknown): JsonValue {
  return copy(value, 0);
}

function copy(value: unknown, depth: number): JsonValue {
  if (typeof value === 'string' || typeof value === 'boolean' || value === null) return value;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  if (typeof value !== 'object') throw notJson(value);
  if (depth > MAX_JSON_DEPTH) throw tooDeep();
  return Array.isArray(value) ? copyList(value, depth) : copyObject(value, depth);
}

function copyList(list: readonly unknown[], depth: number): JsonValue {
  const result: JsonValue[] = [];
  for (let at = 0; at < list.length; at += 1) {
    if (!(at in list)) throw notJson('a hole in an array', true);
    result.push(copy(list[at], depth + 1));
  }
  return result;
}

function copyObject(object: object, depth: number): JsonValue {
  checkPlain(object);
  const result: Record<string, JsonValue> = {};
  for (const [key, item] of Object.entries(object)) {
    // an assignment to __proto__ would change the prototype and lose the key.
    if (key === '__proto__')
      Object.defineProperty(result, key, {
        value: copy(item, depth + 1),
        enumerable: true,
        writable: true,
        configurable: true,
      });
    else result[key] = copy(item, depth + 1);
  }
  return result;
}

/** Throws `ERR_INVALID_ARGUMENT` unless an object is a plain one: JSON has no other kind. */
export function checkPlain(object: object): void {
  const prototype: unknown = Object.getPrototypeOf(object);
  if (prototype === null || prototype === Object.prototype) return;
  // an object of another realm is plain too: its prototype has no prototype itself.
  if (Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype as object, 'hasOwnProperty')) return;
  throw notJson(`a ${object.constructor.name || 'class instance'}`, true);
}

/** The error for a value that JSON cannot say; `named` means that `value` is its description already. */
export function notJson(value: unknown, named = false): AgentwireError {
  const what = named ? String(value) : typeof value === 'number' ? `number ${value}` : typeof value;
  return new AgentwireError(
    'ERR_INVALID_ARGUMENT',
    `a payload is a JSON value, and JSON has no ${what.replace(/^an? /, '')}; send bytes with payload.binary`,
  );
}

/** The error for a value that is nested too deeply, or without end. */
export function tooDeep(): AgentwireError {
  return new AgentwireError('ERR_INVALID_ARGUMENT', `a JSON value is nested more than ${MAX_JSON_DEPTH} deep`);
}
