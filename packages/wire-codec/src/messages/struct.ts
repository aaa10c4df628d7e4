import type { Dialect } from '@agentwire/core';

import { DecodeError } from './decode-error.ts';
import type { WireFormat } from './wire-format.ts';
import type { FieldCodec } from './field-codec.ts';
import { asObject, own, type MutableWireObject, type WireObject } from './wire-object.ts';

/** Wire form of an absent value: none, or the value `written`. */
export type Absent = 'required' | 'omit' | { readonly written: unknown };

/** One row of the table: a field in both dialects. */
export interface Field<T> {
  readonly codec: FieldCodec<T>;
  /** Name per dialect; `undefined` where the dialect does not have the field. */
  readonly names: Readonly<Record<Dialect, string | undefined>>;
  /** Wire form of an absent value per dialect. Absent, null and empty are all read. */
  readonly absent: Readonly<Record<Dialect, Absent>>;
  /** Value of an absent field; default `undefined`. A required field without one is an error. */
  readonly fallback?: T;
  /** Older names, read only. */
  readonly aliases: readonly string[];
  /** Deliver an empty list, an empty map and `false` as `undefined`. */
  readonly emptyIsAbsent: boolean;
}

/** Differences from a plain required field; see {@link Field}. */
export interface FieldOptions<T> {
  readonly documented?: string | null;
  readonly zentinel?: string | null;
  readonly absent?: Absent;
  readonly absentZentinel?: Absent;
  readonly fallback?: T;
  readonly aliases?: readonly string[];
  readonly emptyIsAbsent?: boolean;
}

/** Makes a row: `name` in both dialects unless `options` say otherwise; `null` there means not in that dialect. */
export function field<T>(name: string, codec: FieldCodec<T>, options: FieldOptions<T> = {}): Field<T> {
  const { documented = name, zentinel = name, absent = 'required', absentZentinel = absent, fallback } = options;
  return {
    codec,
    names: { documented: documented ?? undefined, zentinel: zentinel ?? undefined },
    absent: { documented: absent, zentinel: absentZentinel },
    ...(fallback === undefined ? {} : { fallback }),
    aliases: options.aliases ?? [],
    emptyIsAbsent: options.emptyIsAbsent ?? false,
  };
}

const NULL: Absent = { written: null };

/** A row that is written as null while absent. */
export function nullable<T>(name: string, codec: FieldCodec<T>, options: FieldOptions<T> = {}): Field<T> {
  return field(name, codec, { absent: NULL, ...options });
}

/** A row that is left out while absent. */
export function optional<T>(name: string, codec: FieldCodec<T>, options: FieldOptions<T> = {}): Field<T> {
  return field(name, codec, { absent: 'omit', ...options });
}

/** A row that the documented dialect leaves out and the zentinel dialect writes as null while absent. */
export function optionalOrNull<T>(name: string, codec: FieldCodec<T>, options: FieldOptions<T> = {}): Field<T> {
  return field(name, codec, { absent: 'omit', absentZentinel: NULL, ...options });
}

/** Rows of a structure, one per property. */
export type Rows<T> = { readonly [P in keyof T]-?: Field<NonNullable<T[P]>> };

/** A row with its property and its name in one dialect. */
export interface PlacedField {
  readonly property: string;
  readonly name: string;
  readonly absent: Absent;
  readonly field: Field<unknown>;
}

/** A structure: a codec that knows its rows, so that the generator can write it out. */
export interface Struct<T> extends FieldCodec<T> {
  write(value: T, format: WireFormat): MutableWireObject;
  readonly rows: Readonly<Record<string, Field<unknown>>>;
  /** Its fields in the order of one dialect. */
  fields(dialect: Dialect): readonly PlacedField[];
}

function place(
  rows: Readonly<Record<string, Field<unknown>>>,
  dialect: Dialect,
  order: readonly string[],
): PlacedField[] {
  const placed: PlacedField[] = [];
  for (const [property, row] of Object.entries(rows)) {
    const name = row.names[dialect];
    if (name !== undefined) placed.push({ property, name, absent: row.absent[dialect], field: row });
  }
  const rank = (one: PlacedField): number => (order.includes(one.name) ? order.indexOf(one.name) : order.length);
  return placed.toSorted((a, b) => rank(a) - rank(b));
}

function isEmpty(value: unknown): boolean {
  if (value === false) return true;
  if (Array.isArray(value)) return value.length === 0;
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}

/** Finds the wire value of a field: by name, by an older name, or by position in an array of the crate 0.6.20. */
function find(wire: WireObject | readonly unknown[], placed: PlacedField, index: number): unknown {
  if (Array.isArray(wire)) return wire[index];
  const object = wire as WireObject;
  const found = own(object, placed.name);
  if (found !== undefined) return found;
  for (const alias of placed.field.aliases) {
    const older = own(object, alias);
    if (older !== undefined) return older;
  }
  return undefined;
}

function readField(wire: unknown, placed: PlacedField, format: WireFormat): unknown {
  const { field: row } = placed;
  if (wire === undefined || wire === null) {
    if (row.fallback !== undefined || placed.absent !== 'required') return row.fallback;
    throw new DecodeError('the field is missing').within(placed.name);
  }
  try {
    const value = row.codec.read(wire, format);
    return row.emptyIsAbsent && isEmpty(value) ? undefined : value;
  } catch (error) {
    throw error instanceof DecodeError ? error.within(placed.name) : error;
  }
}

function writeField(value: unknown, name: string, row: Field<unknown>, format: WireFormat): unknown {
  try {
    return row.codec.write(value, format);
  } catch (error) {
    throw error instanceof DecodeError ? error.within(name) : error;
  }
}

/**
 * Makes a structure from its rows.
 *
 * @param zentinelOrder names of the zentinel dialect in the order of the crate's structure; others come after them
 */
export function struct<T extends object>(
  name: string,
  rows: Rows<T>,
  zentinelOrder: readonly string[] = [],
): Struct<T> {
  const table = rows as Readonly<Record<string, Field<unknown>>>;
  const placed = { documented: place(table, 'documented', []), zentinel: place(table, 'zentinel', zentinelOrder) };
  const properties = Object.keys(table);
  return {
    name,
    rows: table,
    fields: (dialect) => placed[dialect],
    write(value, format) {
      const wire: MutableWireObject = {};
      for (const { property, name: key, absent, field: row } of placed[format.dialect]) {
        const present = (value as Readonly<Record<string, unknown>>)[property];
        if (present !== undefined) wire[key] = writeField(present, key, row, format);
        else if (typeof absent === 'object') wire[key] = absent.written;
        else if (absent === 'required' && row.fallback !== undefined) wire[key] = row.codec.write(row.fallback, format);
        else if (absent === 'required') throw new DecodeError('the field is missing').within(key);
      }
      return wire;
    },
    read(wire, format) {
      const positional = Array.isArray(wire) && format.dialect === 'zentinel' && format.encoding === 'msgpack';
      const source = positional ? (wire as readonly unknown[]) : asObject(wire);
      const value: Record<string, unknown> = {};
      // absent properties are set to undefined, so that all objects of a structure have one shape
      for (const property of properties) value[property] = table[property]?.fallback;
      placed[format.dialect].forEach((one, index) => {
        value[one.property] = readField(find(source, one, index), one, format);
      });
      return value as T;
    },
  };
}
