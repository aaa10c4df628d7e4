import { DecodeError } from './decode-error.ts';
import type { FieldCodec } from './field-codec.ts';
import { describe, WireFloat } from './wire-object.ts';

const MAX_SAFE = Number.MAX_SAFE_INTEGER;

/** Text. A lone surrogate, which JSON can spell and UTF-8 cannot, is an error when read. */
export const text: FieldCodec<string> = {
  name: 'text',
  write: (value) => value,
  read(wire) {
    if (typeof wire !== 'string') throw new DecodeError(`text is expected, not ${describe(wire)}`);
    if (!wire.isWellFormed()) throw new DecodeError('the text holds half of a surrogate pair');
    return wire;
  },
};

/** True or false. */
export const bool: FieldCodec<boolean> = {
  name: 'bool',
  write: (value) => value,
  read(wire) {
    if (typeof wire === 'boolean') return wire;
    throw new DecodeError(`true or false is expected, not ${describe(wire)}`);
  },
};

/** A whole number from `min` to `max`. */
function integer(name: string, min: number, max: number): FieldCodec<number> {
  return {
    name,
    write: (value) => value,
    read(wire) {
      const value = typeof wire === 'bigint' && wire <= MAX_SAFE && wire >= -MAX_SAFE ? Number(wire) : wire;
      if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
      const not = typeof wire === 'number' || typeof wire === 'bigint' ? 'another number' : describe(wire);
      throw new DecodeError(`a whole number from ${min} to ${max} is expected, not ${not}`);
    },
  };
}

/** 0 to 65 535. */
export const u16: FieldCodec<number> = integer('u16', 0, 0xffff);
/** 0 to 2^32−1. */
export const u32: FieldCodec<number> = integer('u32', 0, 0xffff_ffff);
/** 0 to 2^53−1: the unsigned 64-bit values that a number holds exactly. */
export const u64: FieldCodec<number> = integer('u64', 0, MAX_SAFE);
/** A signed 32-bit number. */
export const i32: FieldCodec<number> = integer('i32', -0x8000_0000, 0x7fff_ffff);
/** An HTTP status, 100 to 999. */
export const status: FieldCodec<number> = integer('status', 100, 999);
/** An HTTP status, or 0 where there was none. */
export const finalStatus: FieldCodec<number> = integer('finalStatus', 0, 999);

function float(name: string, bits: 32 | 64): FieldCodec<number> {
  return {
    name,
    write(value, format) {
      if (format.encoding === 'json') return value;
      return new WireFloat(value, format.dialect === 'zentinel' ? bits : 64);
    },
    read(wire) {
      const value = typeof wire === 'bigint' ? Number(wire) : wire;
      if (typeof value === 'number' && Number.isFinite(value)) return value;
      throw new DecodeError(`a finite number is expected, not ${describe(wire)}`);
    },
  };
}

/** A finite number that the zentinel dialect carries as 32-bit float in MessagePack. */
export const f32: FieldCodec<number> = float('f32', 32);
/** A finite number. */
export const f64: FieldCodec<number> = float('f64', 64);

/** The upper edge of a histogram bucket: a number, or `Infinity` as the text `+Inf`. */
export const bucketEdge: FieldCodec<number> = {
  name: 'bucketEdge',
  write: (value, format) => (value === Infinity ? '+Inf' : f64.write(value, format)),
  read: (wire, format) => (wire === '+Inf' || wire === Infinity ? Infinity : f64.read(wire, format)),
};

/** One of a fixed set of words. */
export function word<T extends string>(name: string, words: readonly T[]): FieldCodec<T> {
  return {
    name,
    write: (value) => value,
    read(wire) {
      const found = words.find((one) => one === wire);
      if (found !== undefined) return found;
      throw new DecodeError(
        `one of ${words.join(', ')} is expected, not ${typeof wire === 'string' ? 'another word' : describe(wire)}`,
      );
    },
  };
}
