import { AgentwireError, type Decision, type RequestId } from '@agentwire/core';
import { isDeepFrozen } from '@agentwire/core/internal';

import { stringifyJson } from '../json/stringify-json.ts';
import { msgpackSize, putMsgpack } from '../msgpack/put-msgpack.ts';
import { answer } from './answer.ts';
import { DecodeError } from './decode-error.ts';
import type { WireFormat } from './wire-format.ts';

/** Longest encoded decision that is kept. */
const MAX_BYTES = 1024;
/** Most decisions kept per format: together they bound its bytes to 1 MiB. */
const MAX_ENTRIES = 1024;

/** The bytes of an answer around its id: all of them belong to the decision. */
interface Halves {
  readonly before: Buffer;
  readonly behind: Buffer;
}

/** Ids that mark the place of an answer's id while a decision is split. */
const SPLIT_ID = { documented: 7, zentinel: 'id-that-marks-the-place' } as const;

function encode(decision: Decision, format: WireFormat): Buffer {
  const wire = answer.write({ type: 'answer', id: SPLIT_ID[format.dialect], decision }, format);
  if (format.encoding === 'json') return Buffer.from(stringifyJson(wire));
  const bytes = Buffer.allocUnsafeSlow(msgpackSize(wire));
  putMsgpack(bytes, 0, wire);
  return bytes;
}

/** Length of `{"request_id":`, and of a map's head and the same key in MessagePack. */
const DOCUMENTED_ID_AT = { json: 14, msgpack: 12 } as const;

/** Splits an encoded answer around its id; `undefined` where the decision holds the text of that id too. */
function splitAtId(bytes: Buffer, { dialect, encoding }: WireFormat): Halves | undefined {
  if (dialect === 'documented') {
    const at = DOCUMENTED_ID_AT[encoding];
    return { before: bytes.subarray(0, at), behind: bytes.subarray(at + 1) };
  }
  const id = SPLIT_ID.zentinel;
  const at = bytes.indexOf(id);
  if (at !== bytes.lastIndexOf(id)) return undefined;
  // a quote on both sides, or a head of one byte
  return { before: bytes.subarray(0, at - 1), behind: bytes.subarray(at + id.length + (encoding === 'json' ? 1 : 0)) };
}

/** Characters that need neither escapes nor UTF-8. */
const PLAIN = new Uint8Array(256);
for (let code = 0x20; code < 0x7f; code++) if (code !== 0x22 && code !== 0x5c) PLAIN[code] = 1;

function isPlain(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (PLAIN[text.charCodeAt(i)] !== 1) return false;
  return true;
}

function countDigits(value: number): number {
  let count = 1;
  for (let limit = 10; value >= limit; limit *= 10) count++;
  return count;
}

/** Writes a number of `count` digits; ids pass 2^31, from where on converting them to text is slow. */
function putDigits(target: Buffer, at: number, value: number, count: number): number {
  const end = at + count;
  let rest = value;
  for (let p = end - 1; p >= at; p--) {
    const tens = Math.floor(rest / 10);
    target[p] = 48 + (rest - tens * 10);
    rest = tens;
  }
  return end;
}

/** Encoded length of an id, or -1 for one that needs escapes, UTF-8 or a bigint. */
function idLength(id: RequestId, format: WireFormat): number {
  if (format.dialect === 'zentinel') {
    if (typeof id !== 'string' || id.length > 0xff || !isPlain(id)) return -1;
    return id.length + (format.encoding === 'json' ? 2 : id.length < 32 ? 1 : 2);
  }
  if (typeof id !== 'number' || !Number.isSafeInteger(id) || id < 0) return -1;
  if (format.encoding === 'json') return countDigits(id);
  return id < 0x80 ? 1 : id < 0x100 ? 2 : id < 0x1_0000 ? 3 : id <= 0xffff_ffff ? 5 : 9;
}

function putId(target: Buffer, at: number, id: RequestId, length: number, format: WireFormat): number {
  if (typeof id === 'number') {
    if (format.encoding === 'json') return putDigits(target, at, id, length);
    if (length === 1) return target.writeUInt8(id, at);
    if (length === 9) {
      target[at] = 0xcf;
      target.writeUInt32BE(Math.floor(id / 0x1_0000_0000), at + 1);
      return target.writeUInt32BE(id % 0x1_0000_0000, at + 5);
    }
    target[at] = length === 2 ? 0xcc : length === 3 ? 0xcd : 0xce;
    return target.writeUIntBE(id, at + 1, length - 1);
  }
  const text = id as string;
  let p = at;
  if (format.encoding === 'json') target[p++] = 0x22;
  else if (text.length < 32) target[p++] = 0xa0 | text.length;
  else {
    target[p++] = 0xd9;
    target[p++] = text.length;
  }
  p += target.write(text, p, 'latin1');
  if (format.encoding === 'json') target[p++] = 0x22;
  return p;
}

/**
 * Bytes of deeply frozen decisions in one format, shared by all connections: a constant decision is encoded once, and each of
 * its answers is two copies and an id. 2 to 4 times as fast as encoding it anew (`pnpm bench` of this package, row "answer,
 * frozen").
 */
export class EncodedDecisions {
  readonly #format: WireFormat;
  readonly #halves = new Map<Decision, Halves | undefined>();

  constructor(format: WireFormat) {
    this.#format = format;
  }

  /** The encoded halves of a deeply frozen decision; `undefined` for any other, and for a long one. */
  find(decision: Decision): Halves | undefined {
    if (!Object.isFrozen(decision)) return undefined;
    const known = this.#halves.get(decision);
    if (known !== undefined || this.#halves.has(decision)) return known;
    if (this.#halves.size >= MAX_ENTRIES) this.#halves.clear();
    const made = isDeepFrozen(decision) ? this.#encode(decision) : undefined;
    this.#halves.set(decision, made);
    return made;
  }

  /** A decision that cannot be written has no halves; the reference names the reason. */
  #encode(decision: Decision): Halves | undefined {
    try {
      const bytes = encode(decision, this.#format);
      return bytes.length > MAX_BYTES ? undefined : splitAtId(bytes, this.#format);
    } catch (error) {
      if (error instanceof DecodeError || error instanceof AgentwireError) return undefined;
      throw error;
    }
  }

  /** Length of the payload of an answer, or -1 where its id is not plain. */
  size(halves: Halves, id: RequestId): number {
    const length = idLength(id, this.#format);
    return length === -1 ? -1 : halves.before.length + length + halves.behind.length;
  }

  /** Writes an answer of {@link size} bytes at `at`. @returns the byte after the last */
  put(target: Buffer, at: number, halves: Halves, id: RequestId): number {
    target.set(halves.before, at);
    const end = putId(target, at + halves.before.length, id, idLength(id, this.#format), this.#format);
    target.set(halves.behind, end);
    return end + halves.behind.length;
  }
}

const byFormat = new Map<string, EncodedDecisions>();

/** The encoded decisions of a format; there are six formats at most. */
export function encodedDecisionsOf(format: WireFormat): EncodedDecisions {
  const key = `${format.dialect} ${format.encoding} ${format.errors}`;
  const known = byFormat.get(key) ?? new EncodedDecisions(format);
  byFormat.set(key, known);
  return known;
}
