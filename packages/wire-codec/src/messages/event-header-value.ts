import { isUtf8 } from 'node:buffer';

import { isValidHeaderValue } from '@agentwire/headers';

/** Converts the value of a header to its text on the wire: the inverse of {@link eventHeaderValue}. */
export function wireHeaderValue(value: string): string {
  for (let i = 0; i < value.length; i++) if (value.charCodeAt(i) > 0x7f) return textOfBytes(value);
  return value;
}

/** Decodes UTF-8 that has characters past U+00FF; any other value stays one character per byte. */
function textOfBytes(value: string): string {
  const bytes = Buffer.from(value, 'latin1');
  if (!isUtf8(bytes)) return value;
  const text = bytes.toString('utf8');
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0xff) return text;
  return value;
}

/**
 * Converts the value of an event's header to the form that HTTP has: one character per byte. A proxy that reads headers as
 * UTF-8 sends characters past U+00FF; such a value becomes its UTF-8 bytes, as in the request.
 *
 * @returns `undefined` for a value that HTTP does not allow either way
 */
export function eventHeaderValue(text: string): string | undefined {
  const value: unknown = text;
  if (isValidHeaderValue(value)) return value;
  if (!text.isWellFormed()) return undefined;
  const bytes = Buffer.from(text, 'utf8').toString('latin1');
  return isValidHeaderValue(bytes) ? bytes : undefined;
}
