import { AgentwireError } from '@agentwire/core';
import { isToken, MAX_TOKEN_LENGTH, printable } from '@agentwire/core/internal';

/** A JSON object whose fields are not checked yet. */
export type JsonObject = Readonly<Record<string, unknown>>;

const MAX_NAME_LENGTH = 1024;
const utf8 = new TextDecoder('utf-8', { fatal: true });

function typeName(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}

function wrong(what: string, key: string, expected: string, value: unknown): AgentwireError {
  return new AgentwireError('ERR_PROTOCOL', `${what}: ${key} must be ${expected}, got ${typeName(value)}`);
}

/** Parses a handshake payload. @throws AgentwireError `ERR_PROTOCOL` when it is not the UTF-8 text of a JSON object. */
export function parseJsonObject(what: string, payload: Uint8Array): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(utf8.decode(payload));
  } catch (error) {
    // the parser's own message quotes the payload, which may hold a token
    throw new AgentwireError('ERR_PROTOCOL', `${what} is not JSON (${payload.length} bytes)`, {
      detail: { reason: error instanceof SyntaxError ? 'syntax' : 'not UTF-8' },
    });
  }
  if (isObject(value)) return value;
  throw new AgentwireError('ERR_PROTOCOL', `${what} must be a JSON object, got ${typeName(value)}`);
}

function isObject(value: unknown): value is JsonObject {
  return typeName(value) === 'object';
}

/** Reads an optional object; absent and null give `undefined`. */
export function readObject(what: string, from: JsonObject, key: string): JsonObject | undefined {
  const value = from[key];
  if (value === undefined || value === null) return undefined;
  if (isObject(value)) return value;
  throw wrong(what, key, 'an object', value);
}

/** Reads an optional text of at most 1 024 characters; absent and null give `undefined`. @throws AgentwireError `ERR_PROTOCOL` */
export function readText(what: string, from: JsonObject, key: string): string | undefined {
  const value = from[key];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string') throw wrong(what, key, 'a string', value);
  // names reach logs and terminals
  if (value.length <= MAX_NAME_LENGTH) return printable(value);
  throw new AgentwireError('ERR_PROTOCOL', `${what}: ${key} has ${value.length} characters, limit ${MAX_NAME_LENGTH}`);
}

/** Reads an optional token; absent and null give `undefined`. @throws AgentwireError `ERR_PROTOCOL` */
export function readToken(what: string, from: JsonObject, key: string): string | undefined {
  const value = from[key];
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string' && isToken(value)) return value;
  throw new AgentwireError('ERR_PROTOCOL', `${what}: ${key} must be 1 to ${MAX_TOKEN_LENGTH} visible ASCII characters`);
}

/** Reads a text that must be there and not be empty. */
export function readName(what: string, from: JsonObject, key: string): string {
  const value = readText(what, from, key);
  if (value !== undefined && value !== '') return value;
  throw wrong(what, key, 'a string that is not empty', from[key]);
}

/** Reads an optional boolean; absent and null give `undefined`. */
export function readBoolean(what: string, from: JsonObject, key: string): boolean | undefined {
  const value = from[key];
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'boolean') return value;
  throw wrong(what, key, 'true or false', value);
}

/** Reads an optional whole number from 0 up; absent and null give `undefined`. */
export function readCount(what: string, from: JsonObject, key: string): number | undefined {
  const value = from[key];
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0) return value;
  throw wrong(what, key, 'a whole number from 0 up', value);
}

/** Reads an optional list of texts; absent and null give `undefined`. */
export function readTexts(what: string, from: JsonObject, key: string): readonly string[] | undefined {
  const value = from[key];
  if (value === undefined || value === null) return undefined;
  if (Array.isArray(value) && value.every((item): item is string => typeof item === 'string')) return value;
  throw wrong(what, key, 'an array of strings', value);
}

/** Reads an optional list of whole numbers; absent and null give `undefined`. */
export function readIntegers(what: string, from: JsonObject, key: string): readonly number[] | undefined {
  const value = from[key];
  if (value === undefined || value === null) return undefined;
  if (Array.isArray(value) && value.every((item): item is number => Number.isInteger(item))) return value;
  throw wrong(what, key, 'an array of whole numbers', value);
}
