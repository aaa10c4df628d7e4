import { AgentwireError } from '@agentwire/core';
import { badHeaderValueIndex, isValidHeaderName, isValidHeaderValue } from '@agentwire/core/internal';

export { isValidHeaderName, isValidHeaderValue };

/** Formats a name for a log line: quoted, short, printable ASCII only. */
function showName(name: unknown): string {
  if (typeof name !== 'string') return `a ${typeof name}`;
  const printable = name.slice(0, 64).replaceAll(/[^\x20-\x7e]/g, (c) => {
    return `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
  return `"${printable}"${name.length > 64 ? '…' : ''}`;
}

/**
 * Checks a header name.
 *
 * @throws AgentwireError `ERR_INVALID_HEADER` unless {@link isValidHeaderName}; the message has the name, printable and cut at 64
 */
export function checkHeaderName(name: unknown): asserts name is string {
  if (isValidHeaderName(name)) return;
  throw new AgentwireError('ERR_INVALID_HEADER', `a header name must be an HTTP token, got ${showName(name)}`);
}

/**
 * Checks a header value.
 *
 * @param name the header that the value is for; only used in the message
 * @throws AgentwireError `ERR_INVALID_HEADER` unless {@link isValidHeaderValue}; it names the header and the position of the
 * bad character, never the value or a part of it
 */
export function checkHeaderValue(name: string, value: unknown): asserts value is string {
  if (isValidHeaderValue(value)) return;
  const problem =
    typeof value === 'string'
      ? `holds a character that HTTP does not allow, at index ${badHeaderValueIndex(value)}`
      : `must be a string, got a ${value === null ? 'null' : typeof value}`;
  throw new AgentwireError('ERR_INVALID_HEADER', `the value of header ${showName(name)} ${problem}`);
}
