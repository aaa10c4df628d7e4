import type { RequestId } from '@agentwire/core';

import { DecodeError } from './decode-error.ts';
import type { FieldCodec } from './field-codec.ts';
import { describe } from './wire-object.ts';

const MAX_U64 = 0xffff_ffff_ffff_ffffn;

/** Request id: an unsigned 64-bit number in the documented dialect, text in the other. */
export const id: FieldCodec<RequestId> = {
  name: 'id',
  write(value, format) {
    if (format.dialect === 'zentinel') return String(value);
    if (typeof value === 'bigint' && value >= 0n && value <= MAX_U64) return value;
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
    throw new DecodeError(`an id of the documented dialect is an unsigned 64-bit whole number, not ${describe(value)}`);
  },
  read(wire, format) {
    if (format.dialect === 'zentinel') {
      if (typeof wire === 'string' && wire.isWellFormed()) return wire;
      throw new DecodeError(`an id of the zentinel dialect is text, not ${describe(wire)}`);
    }
    if (typeof wire === 'number' && Number.isSafeInteger(wire) && wire >= 0) return wire;
    if (typeof wire === 'bigint' && wire >= 0n && wire <= MAX_U64)
      return wire <= Number.MAX_SAFE_INTEGER ? Number(wire) : wire;
    throw new DecodeError(`an id of the documented dialect is an unsigned 64-bit whole number, not ${describe(wire)}`);
  },
};
