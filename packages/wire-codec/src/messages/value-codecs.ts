import { decodeBase64, encodeBase64 } from '../json/base64.ts';
import { DecodeError, inside } from './decode-error.ts';
import type { FieldCodec } from './field-codec.ts';
import { text } from './scalar-codecs.ts';
import { asArray, asObject, describe } from './wire-object.ts';

/** Bytes: base64 text in JSON and towards the crate, `bin` otherwise. Both are read from MessagePack. */
export const bytes: FieldCodec<Uint8Array> = {
  name: 'bytes',
  write: (value, format) => (format.encoding === 'json' || format.dialect === 'zentinel' ? encodeBase64(value) : value),
  read(wire) {
    if (wire instanceof Uint8Array) return wire;
    if (typeof wire !== 'string') throw new DecodeError(`base64 text or bytes are expected, not ${describe(wire)}`);
    const decoded = decodeBase64(wire);
    if (decoded === undefined) throw new DecodeError('the text is not base64');
    return decoded;
  },
};

/** A list of values of one codec. */
export function list<T>(item: FieldCodec<T>): FieldCodec<readonly T[]> {
  return {
    name: `list(${item.name})`,
    write: (value, format) => value.map((one) => item.write(one, format)),
    read: (wire, format) => asArray(wire).map((one, index) => inside(index, () => item.read(one, format))),
  };
}

/** A list of texts. */
export const texts: FieldCodec<readonly string[]> = list(text);

/** Names to texts. Built from entries, so that a name like `__proto__` is a name like any other. */
export const textMap: FieldCodec<Readonly<Record<string, string>>> = {
  name: 'textMap',
  write: (value) => value,
  read: (wire, format) =>
    Object.fromEntries(Object.entries(asObject(wire)).map(([name, one]) => [name, text.read(one, format)])),
};

/** Any JSON value, unchanged. */
export const any: FieldCodec<unknown> = { name: 'any', write: (value) => value, read: (wire) => wire };

/** Names to any values. */
export const anyMap: FieldCodec<Readonly<Record<string, unknown>>> = {
  name: 'anyMap',
  write: (value) => value,
  read: asObject,
};
