import { DecodeError } from './decode-error.ts';

/** Any map from names to values, as parsers give it. */
export type WireObject = Readonly<Record<string, unknown>>;

/** A wire object while it is being made. */
export type MutableWireObject = Record<string, unknown>;

/** Whether `value` is a plain object and no array, bytes or float. */
export function isWireObject(value: unknown): value is WireObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
}

/** The object that `wire` must be. */
export function asObject(wire: unknown): WireObject {
  if (isWireObject(wire)) return wire;
  throw new DecodeError(`an object is expected, not ${describe(wire)}`);
}

/** The array that `wire` must be. */
export function asArray(wire: unknown): readonly unknown[] {
  if (Array.isArray(wire)) return wire as readonly unknown[];
  throw new DecodeError(`an array is expected, not ${describe(wire)}`);
}

/** The sort of `value`, in words; never the value. */
export function describe(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (value instanceof Uint8Array) return 'bytes';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object') return 'an object';
  return `a ${typeof value}`;
}

/** The name and value of an object that has one entry and no more, as a choice between variants is written. */
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
