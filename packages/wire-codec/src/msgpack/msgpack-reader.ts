import { isUtf8 } from 'node:buffer';

import type { HeaderList, HeaderOp, Verdict } from '@agentwire/core';
import { isValidHeaderName, isValidHeaderValue } from '@agentwire/headers';

import { decodeBase64 } from '../json/base64.ts';
import { ByteReader, literal, type Literal } from '../messages/byte-reader.ts';
import { MAX_HEADER_LINES } from '../messages/header-codecs.ts';
import { isNewName, knownName, NAMES, WORDS } from '../messages/string-table.ts';

const SET = literal('\x81\xa3set\x82\xa4name');
const ADD = literal('\x81\xa3add\x82\xa4name');
const VALUE = literal('\xa5value');
const ALLOW = literal('\xa5allow');
/** Lists in a decision are canonical up to this length; the reference reads longer ones. */
const MAX_LIST = MAX_HEADER_LINES / 2;
const ALLOWED: Verdict = Object.freeze({ type: 'allow' });
const HIGH_BITS = 0x80808080;

/** Reads MessagePack as the reference writes it, for generated readers; see {@link ByteReader}. */
export class MsgpackReader extends ByteReader {
  readonly #makeWord = (from: number, to: number): string => this.bytes.toString('latin1', from, to);
  readonly #makeName = (from: number, to: number): string => {
    // a string of its own: a kept substring would retain the text of the whole message
    const name = this.bytes.toString('latin1', from, to);
    if (isValidHeaderName(name)) return knownName(name);
    this.ok = false;
    return '';
  };

  /** Reads the length of a text. */
  #textLength(): number {
    const tag = this.bytes[this.pos++] as number;
    if ((tag & 0xe0) === 0xa0) return tag & 0x1f;
    if (tag === 0xd9) return this.bytes[this.pos++] as number;
    if (tag === 0xda) {
      this.pos += 2;
      return this.view.getUint16(this.pos - 2);
    }
    this.ok = false;
    return 0;
  }

  /** Reads a text; ASCII is checked four bytes at a time. */
  text(): string {
    return this.#text(false);
  }

  #text(repeats: boolean): string {
    const length = this.#textLength();
    const from = this.pos;
    const to = from + length;
    this.pos = to;
    const { view } = this;
    let p = from;
    let bits = 0;
    for (; p + 4 <= to; p += 4) bits |= view.getInt32(p);
    for (; p < to; p++) bits |= view.getInt8(p);
    if ((bits & HIGH_BITS) !== 0) return this.#utf8(from, to);
    return repeats && length > 0 ? WORDS.share(view, from, to, this.#makeWord) : this.ascii(from, to);
  }

  #utf8(from: number, to: number): string {
    if (isUtf8(this.bytes.subarray(from, to))) return this.bytes.toString('utf8', from, to);
    this.ok = false;
    return '';
  }

  /** Reads a text and checks, in the same pass, that it has no control character and no delete. */
  #headerValue(repeats = false): string {
    const length = this.#textLength();
    const from = this.pos;
    const to = from + length;
    this.pos = to;
    const { view } = this;
    let p = from;
    let bits = 0;
    for (; p + 4 <= to; p += 4) {
      const word = view.getInt32(p);
      const del = word ^ 0x7f7f7f7f;
      bits |= word | ((word - 0x20202020) & ~word) | ((del - 0x01010101) & ~del);
    }
    for (; p < to; p++) {
      const byte = view.getUint8(p);
      if (byte < 0x20 || byte >= 0x7f) bits = HIGH_BITS;
    }
    if ((bits & HIGH_BITS) === 0)
      return repeats && length > 0 ? WORDS.share(view, from, to, this.#makeWord) : this.ascii(from, to);
    const value = this.#utf8(from, to);
    if (!isValidHeaderValue(value)) this.ok = false;
    return value;
  }

  /** Skips nil if it is next. */
  isNull(): boolean {
    if (this.bytes[this.pos] !== 0xc0) return false;
    this.pos++;
    return true;
  }

  /** Skips a key if it is next. */
  key(what: Literal): boolean {
    return this.maybe(what);
  }

  u64(): number {
    const tag = this.bytes[this.pos++] as number;
    if (tag < 0x80) return tag;
    switch (tag) {
      case 0xcc:
        return this.bytes[this.pos++] as number;
      case 0xcd:
        this.pos += 2;
        return this.view.getUint16(this.pos - 2);
      case 0xce:
        this.pos += 4;
        return this.view.getUint32(this.pos - 4);
      case 0xcf: {
        this.pos += 8;
        const high = this.view.getUint32(this.pos - 8);
        if (high > 0x1f_ffff) this.ok = false;
        return high * 0x1_0000_0000 + this.view.getUint32(this.pos - 4);
      }
      default:
        this.ok = false;
        return 0;
    }
  }

  u32(): number {
    const value = this.u64();
    if (value > 0xffff_ffff) this.ok = false;
    return value;
  }

  u16(): number {
    const value = this.u64();
    if (value > 0xffff) this.ok = false;
    return value;
  }

  status(): number {
    const value = this.u64();
    if (value < 100 || value > 999) this.ok = false;
    return value;
  }

  bool(): boolean {
    const tag = this.bytes[this.pos++];
    if (tag !== 0xc2 && tag !== 0xc3) this.ok = false;
    return tag === 0xc3;
  }

  /** Reads bytes as a view of the read, or base64 text. */
  data(): Uint8Array {
    const tag = this.bytes[this.pos] as number;
    const width = tag >= 0xc4 && tag <= 0xc6 ? 1 << (tag - 0xc4) : tag >= 0xd9 && tag <= 0xdb ? 1 << (tag - 0xd9) : 0;
    const length = width === 0 ? tag & 0x1f : this.bytes.readUIntBE(this.pos + 1, width);
    const from = this.pos + 1 + width;
    const to = from + length;
    this.pos = to;
    if (to > this.bytes.length || (width === 0 && (tag & 0xe0) !== 0xa0)) this.ok = false;
    if (!this.ok || (tag >= 0xc4 && tag <= 0xc6)) return this.bytes.subarray(from, to);
    const decoded = decodeBase64(this.bytes.toString('latin1', from, to));
    if (decoded !== undefined) return decoded;
    this.ok = false;
    return this.bytes.subarray(0, 0);
  }

  /** Reads the number of entries of a map. */
  map(): number {
    return this.#count(0x80, 0xde);
  }

  #count(fix: number, wide: number): number {
    const tag = this.bytes[this.pos++] as number;
    if ((tag & 0xf0) === fix) return tag & 0x0f;
    if (tag !== wide) this.ok = false;
    this.pos += 2;
    return this.view.getUint16(this.pos - 2);
  }

  #name(): string {
    const length = this.#textLength();
    const from = this.pos;
    this.pos = from + length;
    if (length > 0) return NAMES.share(this.view, from, this.pos, this.#makeName);
    this.ok = false;
    return '';
  }

  #lines(fix: number, wide: number, most: number = MAX_HEADER_LINES): number {
    const count = this.#count(fix, wide);
    if (count <= most) return count;
    this.ok = false;
    return 0;
  }

  /** Reads headers as a list of pairs. */
  pairs(): HeaderList {
    const count = this.#lines(0x90, 0xdc);
    const list: string[] = [];
    for (let i = 0; i < count && this.ok; i++) {
      if (this.bytes[this.pos++] !== 0x92) this.ok = false;
      list.push(this.#name(), this.#headerValue());
    }
    return list;
  }

  /** Reads headers as a map from names to lists. */
  multi(): HeaderList {
    const count = this.#lines(0x80, 0xde);
    const list: string[] = [];
    for (let i = 0; i < count && this.ok; i++) {
      const name = this.#name();
      if (!isNewName(name, list)) this.ok = false;
      const values = this.#lines(0x90, 0xdc);
      for (let j = 0; j < values && this.ok; j++) list.push(name, this.#headerValue());
      if (list.length > 2 * MAX_HEADER_LINES) this.ok = false;
    }
    return list;
  }

  /** Reads a list of texts; `undefined` when it is empty. */
  textsOrEmpty(): readonly string[] | undefined {
    const count = this.#lines(0x90, 0xdc, MAX_LIST);
    if (count === 0) return undefined;
    // most are of one: a push into an empty list makes room for 17
    const list = [this.#text(true)];
    for (let i = 1; i < count && this.ok; i++) list.push(this.#text(true));
    return list;
  }

  /** Reads header operations; `undefined` when there are none. A remove is rare and left to the reference. */
  opsOrEmpty(): readonly HeaderOp[] | undefined {
    const count = this.#lines(0x90, 0xdc, MAX_LIST);
    if (count === 0) return undefined;
    const list = [this.#op()];
    for (let i = 1; i < count && this.ok; i++) list.push(this.#op());
    return list;
  }

  #op(): HeaderOp {
    const op = this.maybe(SET) ? 'set' : 'add';
    if (op === 'add') this.lit(ADD);
    const name = this.#name();
    this.lit(VALUE);
    return { op, name, value: this.#headerValue(true) };
  }

  /** Reads an allow; others are left to the reference. */
  verdict(): Verdict {
    this.lit(ALLOW);
    return ALLOWED;
  }
}
