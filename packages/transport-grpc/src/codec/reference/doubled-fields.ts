import type { DescField, DescMessage } from '@bufbuild/protobuf';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { AgentwireError } from '@agentwire/core';

const tables = new WeakMap<DescMessage, ReadonlyMap<number, DescField>>();

function fieldsOf(message: DescMessage): ReadonlyMap<number, DescField> {
  const known = tables.get(message) ?? new Map(message.fields.map((field) => [field.number, field]));
  tables.set(message, known);
  return known;
}

/** Throws where `key` came before: the readers of protobuf differ in nothing, but those who write by hand do. */
function note(seen: Set<number | string>, key: number | string, name: string): void {
  if (seen.has(key)) throw new AgentwireError('ERR_PROTOCOL', `${name} comes twice in one message`);
  seen.add(key);
}

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

/** The bytes of the key of a map's entry. */
function keyOf(entry: Uint8Array): string {
  const reader = new BinaryReader(entry);
  let key = '';
  while (reader.pos < reader.len) {
    const [number, wire] = reader.tag();
    if (number === 1 && wire === WireType.LengthDelimited) key = textOf(reader.bytes());
    else reader.skip(wire, number);
  }
  return key;
}

/**
 * Refuses what protobuf merges without a word: a field that is not a list and comes twice, two members of one oneof, and
 * two entries of a map under one key. A decision says each thing once.
 *
 * @param before numbers of fields that have come already
 * @throws AgentwireError `ERR_PROTOCOL`; any other error for bytes that are no message
 */
export function checkSaidOnce(message: DescMessage, bytes: Uint8Array, before: readonly number[] = []): void {
  const fields = fieldsOf(message);
  const seen = new Set<number | string>(before);
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [number, wire] = reader.tag();
    const field = fields.get(number);
    if (wire !== WireType.LengthDelimited) reader.skip(wire, number);
    const content = wire === WireType.LengthDelimited ? reader.bytes() : undefined;
    if (field === undefined) continue;
    const name = `${message.name}.${field.oneof?.name ?? field.name}`;
    if (field.fieldKind === 'map') note(seen, `${number}:${keyOf(content ?? new Uint8Array())}`, name);
    else if (field.fieldKind !== 'list') note(seen, field.oneof?.name ?? number, name);
    const inner = field.fieldKind === 'message' || field.fieldKind === 'list' ? field.message : undefined;
    if (inner !== undefined && content !== undefined) checkSaidOnce(inner, content);
  }
}
