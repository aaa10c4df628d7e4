import type { Dialect, MessageType } from '@agentwire/core';

import type { PlacedField, Struct } from '../src/messages/struct.ts';
import { MAPPINGS } from '../src/messages/table.ts';
import { decision } from '../src/messages/decision-codecs.ts';

/** Format of one generated file. */
export interface GeneratedFormat {
  readonly dialect: Dialect;
  readonly encoding: 'json' | 'msgpack';
}

export const GENERATED_FORMATS: readonly GeneratedFormat[] = [
  { dialect: 'documented', encoding: 'json' },
  { dialect: 'documented', encoding: 'msgpack' },
  { dialect: 'zentinel', encoding: 'json' },
  { dialect: 'zentinel', encoding: 'msgpack' },
];

/** The hot events; the decision is the other hot message. */
export const HOT_EVENTS = [
  'requestHeaders',
  'requestBodyChunk',
  'responseHeaders',
  'responseBodyChunk',
] as const satisfies readonly MessageType[];

/** The structure of a hot event. */
export function structOf(type: (typeof HOT_EVENTS)[number]): Struct<object> {
  const { struct } = MAPPINGS[type];
  if (struct === undefined) throw new Error(`${type} has no structure`);
  return struct;
}

export const DECISION: Struct<object> = decision;

/** Structure of a field that has one. */
export function inner(field: PlacedField): Struct<object> | undefined {
  const codec = field.field.codec as Partial<Struct<object>>;
  return typeof codec.fields === 'function' && HOT_STRUCTS.has(codec.name ?? '')
    ? (codec as Struct<object>)
    : undefined;
}

const HOT_STRUCTS = new Set(['metadata', 'audit']);

/** Wire form of an absent value; `undefined` for none. */
export const written = (field: PlacedField): unknown =>
  typeof field.absent === 'object' ? field.absent.written : undefined;

/** Tells whether the field may be missing on the wire. */
export const isOmitted = (field: PlacedField): boolean => field.absent === 'omit';

/** Upper-cases the first letter. */
export const title = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** Source of a string of one-byte characters. */
export const quoted = (text: string): string =>
  `'${text.replaceAll(/[\\'\n]|[^\x20-\x7e]/g, (c) => (c === "'" || c === '\\' ? `\\${c}` : `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`))}'`;

/** Properties of a structure in the order of its rows, which is the order of its objects' shape. */
export const properties = (struct: Struct<object>): readonly string[] => Object.keys(struct.rows);

/** Source of an event's properties; those that the dialect does not have get the reference's value. */
export function objectOfEvent(struct: Struct<object>, dialect: Dialect, id: string): string {
  const has = new Set(struct.fields(dialect).map((field) => field.property));
  return properties(struct)
    .map((name) => {
      if (name === 'id') return `id: ${id}`;
      return `${name}: ${has.has(name) ? `v${title(name)}` : String(struct.rows[name]?.fallback)}`;
    })
    .join(', ');
}
