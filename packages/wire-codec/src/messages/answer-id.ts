import type { RequestId } from '@agentwire/core';

import type { WireFormat } from './wire-format.ts';

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

/** Characters that need neither escapes nor UTF-8. */
const PLAIN = new Uint8Array(256);
for (let code = 0x20; code < 0x7f; code++) if (code !== 0x22 && code !== 0x5c) PLAIN[code] = 1;

/** Whether a text needs neither escapes nor UTF-8. */
export function isPlain(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (PLAIN[text.charCodeAt(i)] !== 1) return false;
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

/** Where the last id stood in its payload: the next one mostly stands there too. */
const guess = { json: 0, msgpack: 0 };

/** Where the bytes in front of an id of the zentinel dialect end, or -1. */
function behindKey(bytes: Buffer, start: number, end: number, encoding: 'json' | 'msgpack'): number {
  const key = ZENTINEL[encoding];
  const likely = start + guess[encoding];
  const at = likely + key.length < end && startsWith(bytes, likely, key) ? likely : bytes.indexOf(key, start);
  if (at === -1 || at + key.length >= end) return -1;
  guess[encoding] = at - start;
  return at + key.length;
}

function quotedText(bytes: Buffer, start: number, end: number): IdPlace | undefined {
  const text = behindKey(bytes, start, end, 'json');
  if (text === -1) return undefined;
  let to = text;
  while (to < end && PLAIN[bytes[to] as number] === 1) to++;
  return bytes[to] === 0x22 ? { from: text - 1, to: to + 1, id: bytes.toString('latin1', text, to) } : undefined;
}

function headedText(bytes: Buffer, start: number, end: number): IdPlace | undefined {
  const from = behindKey(bytes, start, end, 'msgpack');
  if (from === -1) return undefined;
  const tag = bytes[from] as number;
  const head = (tag & 0xe0) === 0xa0 ? 1 : tag === 0xd9 ? 2 : 0;
  const text = from + head;
  const to = text + (head === 1 ? tag & 0x1f : (bytes[from + 1] as number));
  if (head === 0 || to > end) return undefined;
  for (let p = text; p < to; p++) if (PLAIN[bytes[p] as number] === 0) return undefined;
  return { from, to, id: bytes.toString('latin1', text, to) };
}

/** Finds the id of an answer in its canonical place, or `undefined` where it is not plain to see. */
export function findAnswerId(bytes: Buffer, start: number, end: number, format: WireFormat): IdPlace | undefined {
  const found =
    format.dialect === 'documented'
      ? format.encoding === 'json'
        ? digits(bytes, start)
        : unsigned(bytes, start)
      : format.encoding === 'json'
        ? quotedText(bytes, start, end)
        : headedText(bytes, start, end);
  return found !== undefined && found.to <= end ? found : undefined;
}

/** Whether nothing else could be taken for the place of the id: only then may the rest stand for any answer. */
export function isOnlyId(bytes: Buffer, start: number, place: IdPlace, end: number, format: WireFormat): boolean {
  if (format.dialect === 'documented') return true;
  const key = ZENTINEL[format.encoding];
  const first = bytes.indexOf(key, start);
  const next = bytes.indexOf(key, place.to);
  return first < place.from && first + key.length >= place.from && (next === -1 || next >= end);
}
