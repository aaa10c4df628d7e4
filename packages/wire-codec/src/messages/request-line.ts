import { isValidHeaderName } from '@agentwire/headers';

import { DecodeError } from './decode-error.ts';
import type { FieldCodec } from './field-codec.ts';
import { text } from './scalar-codecs.ts';

/** Methods that need no check of their letters. */
const COMMON: ReadonlySet<string> = new Set(['GET', 'POST', 'PUT', 'HEAD', 'DELETE', 'PATCH', 'OPTIONS']);

/** Tells whether a method is an HTTP token. */
export function isMethod(value: string): boolean {
  return COMMON.has(value) || isValidHeaderName(value);
}

/** Tells whether a uri may be part of a request line: no space, no control character. */
export function isUri(value: string): boolean {
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (code <= 0x20 || code === 0x7f) return false;
  }
  return true;
}

/** The method of a request. */
export const method: FieldCodec<string> = {
  name: 'method',
  write: (value) => value,
  read(wire, format) {
    const value = text.read(wire, format);
    if (!isMethod(value)) throw new DecodeError('the method is no HTTP token');
    return value;
  },
};

/** The path and query of a request. */
export const uri: FieldCodec<string> = {
  name: 'uri',
  write: (value) => value,
  read(wire, format) {
    const value = text.read(wire, format);
    if (!isUri(value)) throw new DecodeError('the uri holds a space or a control character');
    return value;
  },
};
