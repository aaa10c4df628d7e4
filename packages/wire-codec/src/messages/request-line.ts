import { isValidHeaderName } from '@agentwire/headers';

import { Fault } from './fault.ts';
import type { Kind } from './kind.ts';
import { text } from './scalar-kinds.ts';

/** Methods that need no look at their letters. */
const COMMON: ReadonlySet<string> = new Set(['GET', 'POST', 'PUT', 'HEAD', 'DELETE', 'PATCH', 'OPTIONS']);

/** Whether a method is an HTTP token, as every method is. */
export function isMethod(value: string): boolean {
  return COMMON.has(value) || isValidHeaderName(value);
}

/** Whether a uri could stand in a request line: no space, no control character. */
export function isUri(value: string): boolean {
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (code <= 0x20 || code === 0x7f) return false;
  }
  return true;
}

/** The method of a request. */
export const method: Kind<string> = {
  name: 'method',
  write: (value) => value,
  read(wire, form) {
    const value = text.read(wire, form);
    if (!isMethod(value)) throw new Fault('the method is no HTTP token');
    return value;
  },
};

/** The path and query of a request. */
export const uri: Kind<string> = {
  name: 'uri',
  write: (value) => value,
  read(wire, form) {
    const value = text.read(wire, form);
    if (!isUri(value)) throw new Fault('the uri holds a space or a control character');
    return value;
  },
};
