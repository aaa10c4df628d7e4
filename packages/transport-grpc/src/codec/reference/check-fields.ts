import { ScalarType, type DescField, type DescMessage } from '@bufbuild/protobuf';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { AgentwireError } from '@agentwire/core';

const tables = new WeakMap<DescMessage, ReadonlyMap<number, DescField>>();

function fieldsOf(message: DescMessage): ReadonlyMap<number, DescField> {
  const known = tables.get(message) ?? new Map(message.fields.map((field) => [field.number, field]));
  tables.set(message, known);
  return known;
}

/** Throws for a `key` that came before: protobuf readers merge such fields, hand-written readers differ. */
function note(seen: Set<number | string>, key: number | string, name: string): void {
  if (seen.has(key)) throw twice(name);
  seen.add(key);
}

function wireOf(scalar: ScalarType): WireType {
  switch (scalar) {
    case ScalarType.STRING:
    case ScalarType.BYTES:
      return WireType.LengthDelimited;
    case ScalarType.DOUBLE:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return WireType.Bit64;
    case ScalarType.FLOAT:
    case ScalarType.FIXED32:
    case ScalarType.SFIXED32:
      return WireType.Bit32;
    default:
      return WireType.Varint;
  }
}

/** Tells if a field may come with the wire type `wire`; a list of numbers may also come packed. */
function takes(field: DescField, wire: WireType): boolean {
  const own =
    field.fieldKind === 'map' || field.fieldKind === 'message' || (field.fieldKind === 'list' && field.message)
      ? WireType.LengthDelimited
      : field.scalar === undefined
        ? WireType.Varint
        : wireOf(field.scalar);
  return wire === own || (field.fieldKind === 'list' && wire === WireType.LengthDelimited);
}

const nameOf = (message: DescMessage, field: DescField): string => `${message.name}.${field.oneof?.name ?? field.name}`;

/** The bytes of the key of a map's entry, whose key and value are texts in every map of the schema. */
function keyOf(entry: Uint8Array, name: string, once: boolean): string {
  const reader = new BinaryReader(entry);
  const parts = new Map<number, string>();
  while (reader.pos < reader.len) {
    const [number, wire] = reader.tag();
    if (number > 2) {
      reader.skip(wire, number);
      continue;
    }
    if (wire !== WireType.LengthDelimited) throw wrongType(name);
    if (once && parts.has(number)) throw twice(name);
    parts.set(number, Buffer.from(reader.bytes()).toString('latin1'));
  }
  return parts.get(1) ?? '';
}

const twice = (name: string): AgentwireError =>
  new AgentwireError('ERR_PROTOCOL', `${name} comes twice in one message`);

const wrongType = (name: string): AgentwireError =>
  new AgentwireError('ERR_PROTOCOL', `${name} comes with the wire type of another field`);

/** Walks every known field of a message and of those inside it; `seen` where none of them may come twice. */
function walk(message: DescMessage, bytes: Uint8Array, seen: Set<number | string> | undefined): void {
  const fields = fieldsOf(message);
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [number, wire] = reader.tag();
    const field = fields.get(number);
    if (field !== undefined && !takes(field, wire)) throw wrongType(nameOf(message, field));
    if (field === undefined || wire !== WireType.LengthDelimited) reader.skip(wire, number);
    if (field === undefined) continue;
    const content = wire === WireType.LengthDelimited ? reader.bytes() : undefined;
    if (field.fieldKind === 'map') {
      const key = keyOf(content ?? new Uint8Array(), nameOf(message, field), seen !== undefined);
      if (seen !== undefined) note(seen, `${number}:${key}`, nameOf(message, field));
    } else if (field.fieldKind !== 'list' && seen !== undefined) {
      note(seen, field.oneof?.name ?? number, nameOf(message, field));
    }
    const inner = field.fieldKind === 'message' || field.fieldKind === 'list' ? field.message : undefined;
    if (inner !== undefined && content !== undefined) walk(inner, content, seen === undefined ? undefined : new Set());
  }
}

/**
 * Refuses a known field with the wire type of another: protobuf-es reads on as if it were its own, and so takes what other
 * readers skip for further fields.
 *
 * @throws AgentwireError `ERR_PROTOCOL`; any other error for bytes that are no message
 */
export function checkWireTypes(message: DescMessage, bytes: Uint8Array): void {
  walk(message, bytes, undefined);
}

/**
 * As {@link checkWireTypes}, and refuses fields that protobuf merges silently: a field that is not a list and comes twice, two
 * members of one oneof, and two entries of a map under one key. A decision has each field once.
 *
 * @param before numbers of fields that have come already
 * @throws AgentwireError `ERR_PROTOCOL`; any other error for bytes that are no message
 */
export function checkRepeatedFields(message: DescMessage, bytes: Uint8Array, before: readonly number[] = []): void {
  walk(message, bytes, new Set(before));
}
