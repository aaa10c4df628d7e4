import { HEADER_NAME, HEADER_VALUE } from './field-tags.ts';

/** Set by the writers below when a text is not ASCII; the writer of the message clears it first and checks it last. */
export const hotWrite: { declined: boolean } = { declined: false };

/** Bytes that a length of up to 2 097 151 takes where it is patched in later: an overlong varint, which every reader takes. */
export const PATCHED_LENGTH_BYTES = 3;

/** Writes an unsigned integer up to 2^53 − 1. */
export function writeVarint(bytes: Buffer, start: number, value: number): number {
  let at = start;
  let rest = value;
  while (rest > 0x7fff_ffff) {
    bytes[at++] = (rest % 128) | 0x80;
    rest = Math.floor(rest / 128);
  }
  while (rest > 127) {
    bytes[at++] = (rest & 127) | 0x80;
    rest >>>= 7;
  }
  bytes[at++] = rest;
  return at;
}

/** Bytes that {@link writeVarint} takes for a length. */
export function lengthBytes(length: number): number {
  return length < 128 ? 1 : length < 16_384 ? 2 : length < 2_097_152 ? 3 : 4;
}

/** Patches a length into the {@link PATCHED_LENGTH_BYTES} before `at`. */
export function patchLength(bytes: Buffer, at: number, end: number): void {
  const length = end - at;
  if (length > 0x1f_ffff) hotWrite.declined = true;
  bytes[at - 3] = (length & 127) | 0x80;
  bytes[at - 2] = ((length >> 7) & 127) | 0x80;
  bytes[at - 1] = length >> 14;
}

/** Writes text behind its one-byte tag. Declines what is not ASCII; room for three bytes a character must be there. */
export function writeText(bytes: Buffer, start: number, tag: number, text: string): number {
  const { length } = text;
  bytes[start] = tag;
  const at = writeVarint(bytes, start + 1, length);
  if (length > 40) {
    if (bytes.write(text, at, 'utf8') !== length) hotWrite.declined = true;
    return at + length;
  }
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i);
    if (code > 127) hotWrite.declined = true;
    bytes[at + i] = code;
  }
  return at + length;
}

/** Writes text that a reader takes for absent when it is empty. */
export function writeNonEmpty(bytes: Buffer, at: number, tag: number, text: string): number {
  return text === '' ? at : writeText(bytes, at, tag, text);
}

/** Most bytes that a Header takes behind its tag, beside its value. */
export const HEADER_BYTES: number = 160;

const MAX_NAMES = 4096;
const names = new Map<string, Uint8Array>();

/** A header name as field 1 of a Header, kept; undefined for one that is not ASCII or longer than 127. */
export function nameField(name: string): Uint8Array | undefined {
  const known = names.get(name);
  if (known !== undefined) return known;
  if (name.length > 127 || Buffer.byteLength(name) !== name.length) return undefined;
  const field = Uint8Array.of(HEADER_NAME, name.length, ...Buffer.from(name));
  if (names.size < MAX_NAMES) names.set(name, field);
  return field;
}

/** Writes a Header behind `tag`. */
export function writeHeader(bytes: Buffer, start: number, tag: number, name: string, value: string): number {
  const field = nameField(name);
  if (field === undefined) {
    hotWrite.declined = true;
    return start;
  }
  bytes[start] = tag;
  let at = writeVarint(bytes, start + 1, field.length + 1 + lengthBytes(value.length) + value.length);
  for (let i = 0; i < field.length; i++) bytes[at++] = field[i] as number;
  return writeText(bytes, at, HEADER_VALUE, value);
}

/**
 * Writer of each field of a message or of a part of one: the hot writer, or the reference, which then writes the whole message.
 * A new field does not compile without an entry here, so it cannot be lost.
 */
export type Ways<T> = Readonly<Record<Exclude<keyof T, 'type'>, 'hot' | 'reference'>>;

/** The fields that the reference writes. */
export function byReference<T extends string>(ways: Readonly<Record<T, 'hot' | 'reference'>>): readonly T[] {
  return (Object.keys(ways) as T[]).filter((name) => ways[name] === 'reference');
}
