import { isMethod, isUri } from './byte-reader.ts';
import { DecodeError } from './decode-error.ts';
import type { FieldCodec } from './field-codec.ts';
import { text } from './scalar-codecs.ts';

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
