import { isValidHeaderValue } from '@agentwire/headers';

/**
 * The value of an event's header as HTTP has it: each character is a byte. A proxy that reads its headers as UTF-8 sends
 * characters past U+00FF, and such a value becomes its UTF-8 bytes again, as the request had them.
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
