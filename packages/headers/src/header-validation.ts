import { AgentwireError } from '@agentwire/core';

const TOKEN = new Uint8Array(128);
for (const letter of "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") {
  TOKEN[letter.charCodeAt(0)] = 1;
}

/** Index of the first character that a name cannot have, or -1. */
function badNameIndex(name: string): number {
  for (let i = 0; i < name.length; i++) if (TOKEN[name.charCodeAt(i)] !== 1) return i;
  return -1;
}

/** Index of the first character that a value cannot have, or -1: tab, space to `~`, and 0x80 to 0xff are fine. */
function badValueIndex(value: string): number {
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (code > 0xff || code === 0x7f || (code < 0x20 && code !== 0x09)) return i;
  }
  return -1;
}

/** A name as it may stand in a log line: quoted, short, printable ASCII only. */
function showName(name: unknown): string {
  if (typeof name !== 'string') return `a ${typeof name}`;
  const printable = name.slice(0, 64).replaceAll(/[^\x20-\x7e]/g, (c) => {
    return `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
  return `"${printable}"${name.length > 64 ? '…' : ''}`;
}

/** Whether `name` is a header name: exactly what `http.validateHeaderName` accepts, a non-empty RFC 9110 token. */
export function isValidHeaderName(name: unknown): name is string {
  return typeof name === 'string' && name !== '' && badNameIndex(name) === -1;
}

/** Whether `value` is a header value: exactly the strings that `http.validateHeaderValue` accepts, the empty one too. */
export function isValidHeaderValue(value: unknown): value is string {
  return typeof value === 'string' && badValueIndex(value) === -1;
}

/** Throws `ERR_INVALID_HEADER` unless {@link isValidHeaderName}; the message has the name, printable and cut at 64. */
export function checkHeaderName(name: unknown): asserts name is string {
  if (isValidHeaderName(name)) return;
  throw new AgentwireError('ERR_INVALID_HEADER', `a header name must be an HTTP token, got ${showName(name)}`);
}

/**
 * Throws `ERR_INVALID_HEADER` unless {@link isValidHeaderValue}.
 *
 * The error names the header and the position of the bad character, never the value or a part of it.
 *
 * @param name the header that the value is for; only used in the message
 */
export function checkHeaderValue(name: string, value: unknown): asserts value is string {
  if (isValidHeaderValue(value)) return;
  const problem =
    typeof value === 'string'
      ? `holds a character that HTTP does not allow, at index ${badValueIndex(value)}`
      : `must be a string, got a ${value === null ? 'null' : typeof value}`;
  throw new AgentwireError('ERR_INVALID_HEADER', `the value of header ${showName(name)} ${problem}`);
}
