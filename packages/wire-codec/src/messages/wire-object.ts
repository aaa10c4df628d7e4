import { DecodeError } from './decode-error.ts';

/** Map from names to values, as parsers return it. */
export type WireObject = Readonly<Record<string, unknown>>;

/** A wire object under construction. */
export type MutableWireObject = Record<string, unknown>;

/** Tells whether `value` is a plain object: no array, bytes or float. */
export function isWireObject(value: unknown): value is WireObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
}

/** Checks that `wire` is an object. */
export function asObject(wire: unknown): WireObject {
  if (isWireObject(wire)) return wire;
  throw new DecodeError(`an object is expected, not ${describe(wire)}`);
}

/** Checks that `wire` is an array. */
export function asArray(wire: unknown): readonly unknown[] {
  if (Array.isArray(wire)) return wire as readonly unknown[];
  throw new DecodeError(`an array is expected, not ${describe(wire)}`);
}

/** Names the type of `value` for errors; never the value. */
export function describe(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (value instanceof Uint8Array) return 'bytes';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object') return 'an object';
  return `a ${typeof value}`;
}

/** Name and value of an object that has exactly one entry, the form of a choice between variants. */
export function onlyEntry(wire: unknown): readonly [name: string, value: unknown] | undefined {
  if (!isWireObject(wire)) return undefined;
  const entries = Object.entries(wire);
  return entries.length === 1 ? entries[0] : undefined;
}

/** The own property `name`, or `undefined`; inherited ones do not count. */
export function own(object: WireObject, name: string): unknown {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

/** A number that MessagePack must write as a float of this many bits, even where it is a whole number. */
export class WireFloat {
  readonly value: number;
  readonly bits: 32 | 64;

  constructor(value: number, bits: 32 | 64) {
    this.value = value;
    this.bits = bits;
  }
}
