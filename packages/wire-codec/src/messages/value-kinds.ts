import { decodeBase64, encodeBase64 } from '../json/base64.ts';
import { Fault, inside } from './fault.ts';
import { asArray, asObject, describe } from './kind.ts';
import type { Kind } from './kind.ts';
import { text } from './scalar-kinds.ts';

/** Bytes: base64 text in JSON and towards the crate, `bin` otherwise. Both are read from MessagePack. */
export const bytes: Kind<Uint8Array> = {
  name: 'bytes',
  write: (value, form) => (form.encoding === 'json' || form.dialect === 'zentinel' ? encodeBase64(value) : value),
  read(wire) {
    if (wire instanceof Uint8Array) return wire;
    if (typeof wire !== 'string') throw new Fault(`base64 text or bytes are expected, not ${describe(wire)}`);
    const decoded = decodeBase64(wire);
    if (decoded === undefined) throw new Fault('the text is not base64');
    return decoded;
  },
};

/** A list of one kind. */
export function list<T>(item: Kind<T>): Kind<readonly T[]> {
  return {
    name: `list(${item.name})`,
    write: (value, form) => value.map((one) => item.write(one, form)),
    read: (wire, form) => asArray(wire).map((one, index) => inside(index, () => item.read(one, form))),
  };
}

/** A list of texts. */
export const texts: Kind<readonly string[]> = list(text);

/** Names to texts. Built from entries, so that a name like `__proto__` is a name like any other. */
export const textMap: Kind<Readonly<Record<string, string>>> = {
  name: 'textMap',
  write: (value) => value,
  read: (wire, form) =>
    Object.fromEntries(Object.entries(asObject(wire)).map(([name, one]) => [name, text.read(one, form)])),
};

/** Any JSON value; handed through as it is. */
export const any: Kind<unknown> = { name: 'any', write: (value) => value, read: (wire) => wire };

/** Names to any values. */
export const anyMap: Kind<Readonly<Record<string, unknown>>> = {
  name: 'anyMap',
  write: (value) => value,
  read: asObject,
};
