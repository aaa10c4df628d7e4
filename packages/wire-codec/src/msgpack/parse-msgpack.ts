import { isUtf8 } from 'node:buffer';

import { DecodeError } from '../messages/decode-error.ts';
import { IdTrail, type Parsed, type ReadLimits } from '../messages/parsed.ts';
import { doubledName } from '../messages/seen-names.ts';

/** Values behind an error among which the id is still searched: a bomb must not cost a scan of all of it. */
const LOOK_ON = 100_000;

class Truncated extends DecodeError {
  constructor() {
    super('the payload ends in the middle of a value');
  }
}

/**
 * Reads MessagePack into plain objects: no extension types, no renamed keys, no rounded integers. The first error is kept
 * and the scan continues without building values, so that an id behind it is still found.
 */
class MsgpackParser {
  error: DecodeError | undefined;
  readonly trail: IdTrail;
  readonly #bytes: Buffer;
  readonly #view: DataView;
  readonly #end: number;
  readonly #limits: ReadLimits;
  #at: number;
  #nodes = 0;
  #behind = 0;

  constructor(bytes: Buffer, start: number, end: number, limits: ReadLimits) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#at = start;
    this.#end = end;
    this.#limits = limits;
    this.trail = new IdTrail(limits.idPaths);
  }

  document(): unknown {
    const value = this.#value(1, 0);
    if (this.#at !== this.#end) this.error ??= new DecodeError('bytes follow the payload');
    return value;
  }

  /** Skips `length` bytes. @returns where they begin */
  #take(length: number): number {
    const at = this.#at;
    if (length > this.#end - at) throw new Truncated();
    this.#at = at + length;
    return at;
  }

  #length(width: 1 | 2 | 4): number {
    const at = this.#take(width);
    if (width === 1) return this.#view.getUint8(at);
    return width === 2 ? this.#view.getUint16(at) : this.#view.getUint32(at);
  }

  #value(depth: number, bits: number): unknown {
    const tag = this.#view.getUint8(this.#take(1));
    this.#nodes++;
    if (this.error !== undefined && ++this.#behind > LOOK_ON) throw this.error;
    if (this.#nodes > this.#limits.maxNodes)
      this.error ??= new DecodeError(`more than ${this.#limits.maxNodes} values`);
    if (tag < 0x80) return tag;
    if (tag < 0x90) return this.#map(tag & 0x0f, depth, bits);
    if (tag < 0xa0) return this.#array(tag & 0x0f, depth);
    if (tag < 0xc0) return this.#text(tag & 0x1f);
    if (tag >= 0xe0) return tag - 0x100;
    if (tag >= 0xca && tag <= 0xd3) return this.#number(tag);
    switch (tag) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xc4:
        return this.#bin(this.#length(1));
      case 0xc5:
        return this.#bin(this.#length(2));
      case 0xc6:
        return this.#bin(this.#length(4));
      case 0xd9:
        return this.#text(this.#length(1));
      case 0xda:
        return this.#text(this.#length(2));
      case 0xdb:
        return this.#text(this.#length(4));
      case 0xdc:
        return this.#array(this.#length(2), depth);
      case 0xdd:
        return this.#array(this.#length(4), depth);
      case 0xde:
        return this.#map(this.#length(2), depth, bits);
      case 0xdf:
        return this.#map(this.#length(4), depth, bits);
      default:
        return this.#extension(tag);
    }
  }

  #number(tag: number): number | bigint {
    const view = this.#view;
    switch (tag) {
      case 0xca:
        return view.getFloat32(this.#take(4));
      case 0xcb:
        return view.getFloat64(this.#take(8));
      case 0xcc:
        return view.getUint8(this.#take(1));
      case 0xcd:
        return view.getUint16(this.#take(2));
      case 0xce:
        return view.getUint32(this.#take(4));
      case 0xcf:
        return narrow(view.getBigUint64(this.#take(8)));
      case 0xd0:
        return view.getInt8(this.#take(1));
      case 0xd1:
        return view.getInt16(this.#take(2));
      case 0xd2:
        return view.getInt32(this.#take(4));
      default:
        return narrow(view.getBigInt64(this.#take(8)));
    }
  }

  #bin(length: number): Buffer {
    const at = this.#take(length);
    return this.#bytes.subarray(at, at + length);
  }

  #text(length: number): string {
    const at = this.#take(length);
    if (length > 0 && !isUtf8(this.#bytes.subarray(at, at + length))) {
      this.error ??= new DecodeError('a text is not UTF-8');
      return '';
    }
    return this.#bytes.toString('utf8', at, at + length);
  }

  #array(count: number, depth: number): unknown[] {
    const list: unknown[] = [];
    if (!this.#enter(count, count, depth)) return list;
    for (let i = 0; i < count; i++) {
      const value = this.#value(depth + 1, 0);
      if (this.error === undefined) list.push(value);
    }
    return list;
  }

  #map(count: number, depth: number, bits: number): Record<string, unknown> {
    const object: Record<string, unknown> = {};
    if (!this.#enter(count, 2 * count, depth)) return object;
    this.trail.enter(bits);
    for (let i = 0; i < count; i++) {
      const key = this.#value(depth + 1, 0);
      this.#nodes--;
      const inner = this.trail.follow(depth, (name) => name === key);
      const value = this.#value(depth + 1, inner);
      if (inner !== 0) this.trail.note(inner, depth, value);
      if (this.error !== undefined) continue;
      if (typeof key !== 'string') this.error = new DecodeError('a key is no text');
      else if (Object.hasOwn(object, key) && !this.#isKnownDouble(key, depth, object[key] === value))
        this.error = doubledName();
      else if (key === '__proto__')
        Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
      else object[key] = value;
    }
    this.trail.leave(depth);
    return object;
  }

  /** Tells the id of an event of the crate 0.6.20, which writes it twice with one value. */
  #isKnownDouble(name: string, depth: number, isSame: boolean): boolean {
    return isSame && depth === 1 && name === this.#limits.doubled;
  }

  /** Checks a container before anything is allocated for it; one that is too deep is skipped. */
  #enter(count: number, values: number, depth: number): boolean {
    if (values > this.#end - this.#at) throw new Truncated();
    if (count > this.#limits.maxNodes) this.error ??= new DecodeError(`more than ${this.#limits.maxNodes} values`);
    if (depth <= this.#limits.maxDepth) return true;
    this.error ??= new DecodeError(`more than ${this.#limits.maxDepth} levels are nested`);
    this.#skip(values);
    return false;
  }

  /** Skips values without recursion, at any depth. */
  #skip(values: number): void {
    for (let left = values; left > 0; left--) {
      if (++this.#behind > LOOK_ON && this.error !== undefined) throw this.error;
      const tag = this.#view.getUint8(this.#take(1));
      if (tag < 0x80 || tag >= 0xe0 || (tag >= 0xc0 && tag <= 0xc3)) continue;
      if (tag < 0x90) left += 2 * (tag & 0x0f);
      else if (tag < 0xa0) left += tag & 0x0f;
      else if (tag < 0xc0) this.#take(tag & 0x1f);
      else left += this.#skipLong(tag);
    }
  }

  /** @returns how many values the container that begins here holds; 0 for anything else */
  #skipLong(tag: number): number {
    if (tag === 0xdc || tag === 0xdd) return this.#length(tag === 0xdc ? 2 : 4);
    if (tag === 0xde || tag === 0xdf) return 2 * this.#length(tag === 0xde ? 2 : 4);
    if (tag >= 0xca && tag <= 0xd3) this.#number(tag);
    else if (tag <= 0xc6) this.#take(this.#length((1 << (tag - 0xc4)) as 1 | 2 | 4));
    else if (tag >= 0xd9) this.#take(this.#length((1 << (tag - 0xd9)) as 1 | 2 | 4));
    else this.#extension(tag);
    return 0;
  }

  #extension(tag: number): null {
    if (tag >= 0xd4 && tag <= 0xd8) this.#take(1 + (1 << (tag - 0xd4)));
    else if (tag >= 0xc7 && tag <= 0xc9) this.#take(this.#length((1 << (tag - 0xc7)) as 1 | 2 | 4) + 1);
    this.error ??= new DecodeError('extension types are not part of the protocol');
    return null;
  }
}

function narrow(value: bigint): number | bigint {
  return value <= Number.MAX_SAFE_INTEGER && value >= Number.MIN_SAFE_INTEGER ? Number(value) : value;
}

/** Reads a MessagePack payload within limits. Bytes in it are views of `bytes`. */
export function parseMsgpack(bytes: Buffer, start: number, end: number, limits: ReadLimits): Parsed {
  const parser = new MsgpackParser(bytes, start, end, limits);
  let value: unknown;
  try {
    value = parser.document();
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    parser.error ??= error;
  }
  const { error } = parser;
  return { value: error === undefined ? value : undefined, id: parser.trail.id, error };
}
