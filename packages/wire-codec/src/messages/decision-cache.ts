import { isDeepStrictEqual } from 'node:util';

import { AgentwireError } from '@agentwire/core';
import { isDeepFrozen } from '@agentwire/core/internal';
import type { Answer, Decision, RequestId } from '@agentwire/core';

import { stringifyJson } from '../json/stringify-json.ts';
import { msgpackSize, putMsgpack } from '../msgpack/put-msgpack.ts';
import { answer } from './answer.ts';
import { DecodeError } from './decode-error.ts';
import { freezeDecision } from './freeze-decision.ts';
import { findAnswerId, isOnlyId, isPlain } from './answer-id.ts';
import type { IdPlace } from './answer-id.ts';
import type { WireFormat } from './wire-format.ts';

/** Longest encoded decision that is kept. */
const MAX_BYTES = 1024;
/** Most decisions kept per format and direction: together they bound a cache to 1 MiB. */
const MAX_ENTRIES = 1024;

interface Encoded {
  readonly before: Buffer;
  readonly behind: Buffer;
}

interface Seen extends Encoded {
  readonly decision: Decision;
}

function encode(message: Answer, format: WireFormat): Buffer {
  const wire = answer.write(message, format);
  if (format.encoding === 'json') return Buffer.from(stringifyJson(wire));
  const bytes = Buffer.allocUnsafeSlow(msgpackSize(wire));
  putMsgpack(bytes, 0, wire);
  return bytes;
}

function countDigits(value: number): number {
  let count = 1;
  for (let limit = 10; value >= limit; limit *= 10) count++;
  return count;
}

/** Writes a number of `count` digits; ids grow past 2^31, from where on making text of them is slow. */
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

/** Length of an id as it is written, or -1 for one that is not plain. */
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

/** FNV-1a over 32-bit words. */
function hash(view: DataView, from: number, to: number, seed: number): number {
  let sum = seed;
  let p = from;
  for (; p + 4 <= to; p += 4) sum = Math.imul(sum ^ view.getInt32(p), 0x0100_0193);
  for (; p < to; p++) sum = Math.imul(sum ^ view.getUint8(p), 0x0100_0193);
  return sum ^ (to - from);
}

function equal(kept: Buffer, view: DataView, from: number, to: number): boolean {
  if (kept.length !== to - from) return false;
  for (let i = 0, p = from; p < to; i++, p++) if (kept[i] !== view.getUint8(p)) return false;
  return true;
}

/**
 * What is known of decisions in one format: the bytes of those that are deeply frozen, and the decisions that the bytes of
 * answers turned out to be. Shared by all connections; bounded in entries and bytes.
 */
export class DecisionCache {
  readonly #format: WireFormat;
  readonly #encoded = new Map<Decision, Encoded | undefined>();
  readonly #seen: (Seen | undefined)[] = Array.from({ length: MAX_ENTRIES }, () => undefined);
  /** Per place, the hash of what missed last: only what comes a second time is worth keeping. */
  readonly #missed = new Int32Array(MAX_ENTRIES);
  #bytes: Buffer = Buffer.alloc(0);
  #view: DataView = new DataView(new ArrayBuffer(0));

  constructor(format: WireFormat) {
    this.#format = format;
  }

  /** The encoded halves of a deeply frozen decision, or `undefined` where there are none. */
  encoded(message: Answer): Encoded | undefined {
    const { decision } = message;
    if (!Object.isFrozen(decision)) return undefined;
    const known = this.#encoded.get(decision);
    if (known !== undefined || this.#encoded.has(decision)) return known;
    if (this.#encoded.size >= MAX_ENTRIES) this.#encoded.clear();
    const made = isDeepFrozen(decision) ? this.#trySplit(message) : undefined;
    this.#encoded.set(decision, made);
    return made;
  }

  /** What cannot be written has no halves; the reference says why. */
  #trySplit(message: Answer): Encoded | undefined {
    try {
      return this.#split(message);
    } catch (error) {
      if (error instanceof DecodeError || error instanceof AgentwireError) return undefined;
      throw error;
    }
  }

  #split(message: Answer): Encoded | undefined {
    const bytes = encode(message, this.#format);
    const place = findAnswerId(bytes, 0, bytes.length, this.#format);
    if (place === undefined || bytes.length > MAX_BYTES || !isOnlyId(bytes, 0, place, bytes.length, this.#format))
      return undefined;
    return { before: bytes.subarray(0, place.from), behind: bytes.subarray(place.to) };
  }

  /** Length of the payload of an answer, or -1 where its id is not plain. */
  size(halves: Encoded, id: RequestId): number {
    const length = idLength(id, this.#format);
    return length === -1 ? -1 : halves.before.length + length + halves.behind.length;
  }

  /** Writes an answer of {@link size} bytes at `at`. @returns the byte after the last */
  put(target: Buffer, at: number, halves: Encoded, id: RequestId): number {
    target.set(halves.before, at);
    const end = putId(target, at + halves.before.length, id, idLength(id, this.#format), this.#format);
    target.set(halves.behind, end);
    return end + halves.behind.length;
  }

  /**
   * Reads an answer whose decision has been seen before; others are read by `read` and kept when they come again.
   *
   * @param read reads the payload in the bytes it is given
   */
  read<T extends { readonly type: string }>(
    bytes: Buffer,
    start: number,
    end: number,
    read: (bytes: Buffer, start: number, end: number) => T | Answer,
  ): T | Answer {
    const place = end - start > MAX_BYTES ? undefined : findAnswerId(bytes, start, end, this.#format);
    if (place === undefined) return read(bytes, start, end);
    if (bytes !== this.#bytes) {
      this.#bytes = bytes;
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    }
    const sum = hash(this.#view, place.to, end, hash(this.#view, start, place.from, 0x811c_9dc5 | 0));
    const slot = (sum ^ (sum >>> 15)) & (MAX_ENTRIES - 1);
    const seen = this.#seen[slot];
    if (
      seen !== undefined &&
      equal(seen.behind, this.#view, place.to, end) &&
      equal(seen.before, this.#view, start, place.from)
    ) {
      return { type: 'answer', id: place.id, decision: seen.decision };
    }
    if (this.#missed[slot] !== sum) {
      this.#missed[slot] = sum;
      return read(bytes, start, end);
    }
    return this.#keep(bytes, start, end, place, slot, read);
  }

  #keep<T extends { readonly type: string }>(
    bytes: Buffer,
    start: number,
    end: number,
    place: IdPlace,
    slot: number,
    read: (bytes: Buffer, start: number, end: number) => T | Answer,
  ): T | Answer {
    // Read from a copy: texts of a decision that is kept must not keep the whole read alive.
    const copy = Buffer.allocUnsafeSlow(end - start);
    bytes.copy(copy, 0, start, end);
    const message = read(copy, 0, copy.length);
    if (message.type !== 'answer') return message;
    const { id, decision } = message as Answer;
    const halves = { before: copy.subarray(0, place.from - start), behind: copy.subarray(place.to - start) };
    if (id !== place.id || hasBytes(decision) || !this.#standsForAnyId(halves, id, decision, read)) return message;
    this.#seen[slot] = { ...halves, decision: freezeDecision(decision) };
    return message;
  }

  /**
   * Whether another id in the same place gives that id and the same decision. An id can be spelt in many ways and a text can
   * look like one, so the reader itself is asked whether this place is where the id stands, and the only one.
   */
  #standsForAnyId(
    halves: Encoded,
    id: RequestId,
    decision: Decision,
    read: (bytes: Buffer, start: number, end: number) => { readonly type: string },
  ): boolean {
    const other = typeof id === 'string' ? `${id}~` : id === 1 ? 70_000 : 1;
    const size = this.size(halves, other);
    if (size === -1) return false;
    const bytes = Buffer.allocUnsafeSlow(size);
    this.put(bytes, 0, halves, other);
    const message = read(bytes, 0, size);
    if (message.type !== 'answer') return false;
    const answered = message as Answer;
    return answered.id === other && isDeepStrictEqual(answered.decision, decision);
  }
}

/** Bytes cannot be frozen, so a decision that holds some belongs to one receiver. */
const hasBytes = (decision: Decision): boolean =>
  decision.requestBodyMutation !== undefined ||
  decision.responseBodyMutation !== undefined ||
  holdsBytes(decision.audit?.custom);

function holdsBytes(value: unknown): boolean {
  if (value instanceof Uint8Array) return true;
  return typeof value === 'object' && value !== null && Object.values(value).some(holdsBytes);
}

const caches = new Map<string, DecisionCache>();

/** The cache of a format; there are six at most. */
export function decisionCacheOf(format: WireFormat): DecisionCache {
  const key = `${format.dialect} ${format.encoding} ${format.errors}`;
  const known = caches.get(key) ?? new DecisionCache(format);
  caches.set(key, known);
  return known;
}
