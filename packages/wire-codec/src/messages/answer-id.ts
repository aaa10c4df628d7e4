import type { RequestId } from '@agentwire/core';

import type { Form } from './form.ts';

/** Where the id of an encoded answer stands: everything before and behind it is the decision's. */
export interface IdPlace {
  /** First byte of the encoded id. */
  readonly from: number;
  /** The byte after it. */
  readonly to: number;
  readonly id: RequestId;
}

const DOCUMENTED_JSON = Buffer.from('{"request_id":');
const DOCUMENTED_MSGPACK = Buffer.from('\xaarequest_id', 'latin1');
const ZENTINEL = { json: Buffer.from('"correlation_id":"'), msgpack: Buffer.from('\xaecorrelation_id', 'latin1') };
const SAFE_DIGITS = 15;

function startsWith(bytes: Buffer, at: number, what: Buffer): boolean {
  for (let i = 0; i < what.length; i++) if (bytes[at + i] !== what[i]) return false;
  return true;
}

/** Whether a text needs neither escapes nor UTF-8. */
export function isPlain(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x20 || code > 0x7e || code === 0x22 || code === 0x5c) return false;
  }
  return true;
}

function digits(bytes: Buffer, start: number): IdPlace | undefined {
  if (!startsWith(bytes, start, DOCUMENTED_JSON)) return undefined;
  const from = start + DOCUMENTED_JSON.length;
  let to = from;
  let id = 0;
  for (; to - from <= SAFE_DIGITS; to++) {
    const digit = (bytes[to] as number) - 48;
    if (!(digit >= 0 && digit <= 9)) break;
    id = id * 10 + digit;
  }
  const isNumber =
    to > from &&
    to - from <= SAFE_DIGITS &&
    (bytes[to] === 0x2c || bytes[to] === 0x7d) &&
    (bytes[from] !== 48 || to === from + 1);
  return isNumber ? { from, to, id } : undefined;
}

function unsigned(bytes: Buffer, start: number): IdPlace | undefined {
  if (((bytes[start] as number) & 0xf0) !== 0x80 || !startsWith(bytes, start + 1, DOCUMENTED_MSGPACK)) return undefined;
  const from = start + 1 + DOCUMENTED_MSGPACK.length;
  const tag = bytes[from] as number;
  if (tag < 0x80) return { from, to: from + 1, id: tag };
  if (tag === 0xcf && from + 9 <= bytes.length) {
    const high = bytes.readUInt32BE(from + 1);
    return high > 0x1f_ffff
      ? undefined
      : { from, to: from + 9, id: high * 0x1_0000_0000 + bytes.readUInt32BE(from + 5) };
  }
  const width = tag >= 0xcc && tag <= 0xce ? 1 << (tag - 0xcc) : 0;
  if (width === 0 || from + 1 + width > bytes.length) return undefined;
  return { from, to: from + 1 + width, id: bytes.readUIntBE(from + 1, width) };
}

function quotedText(bytes: Buffer, start: number, end: number): IdPlace | undefined {
  const at = bytes.indexOf(ZENTINEL.json, start);
  if (at === -1 || at >= end) return undefined;
  const from = at + ZENTINEL.json.length - 1;
  const to = bytes.indexOf(0x22, from + 1) + 1;
  if (to === 0 || to > end) return undefined;
  const id = bytes.toString('latin1', from + 1, to - 1);
  return isPlain(id) ? { from, to, id } : undefined;
}

function headedText(bytes: Buffer, start: number, end: number): IdPlace | undefined {
  const at = bytes.indexOf(ZENTINEL.msgpack, start);
  if (at === -1 || at >= end) return undefined;
  const from = at + ZENTINEL.msgpack.length;
  const tag = bytes[from] as number;
  const head = (tag & 0xe0) === 0xa0 ? 1 : tag === 0xd9 ? 2 : 0;
  const to = from + head + (head === 1 ? tag & 0x1f : (bytes[from + 1] as number));
  if (head === 0 || to > end) return undefined;
  const id = bytes.toString('latin1', from + head, to);
  return isPlain(id) ? { from, to, id } : undefined;
}

/** Finds the id of an answer in its canonical place, or `undefined` where it is not plain to see. */
export function findAnswerId(bytes: Buffer, start: number, end: number, form: Form): IdPlace | undefined {
  const found =
    form.dialect === 'documented'
      ? form.encoding === 'json'
        ? digits(bytes, start)
        : unsigned(bytes, start)
      : form.encoding === 'json'
        ? quotedText(bytes, start, end)
        : headedText(bytes, start, end);
  return found !== undefined && found.to <= end ? found : undefined;
}

/** Whether nothing behind the id could be taken for its place: only then may the rest stand for any answer. */
export function isOnlyId(bytes: Buffer, place: IdPlace, end: number, form: Form): boolean {
  if (form.dialect === 'documented') return true;
  const next = bytes.indexOf(ZENTINEL[form.encoding], place.to);
  return next === -1 || next >= end;
}
