import { isUtf8 } from 'node:buffer';

import type { HeaderList, HeaderOp, Verdict } from '@agentwire/core';
import { isValidHeaderValue } from '@agentwire/headers';

import { ByteReader, literal, type Literal } from '../messages/byte-reader.ts';
import { MAX_HEADER_LINES } from '../messages/header-codecs.ts';
import { isNewName, knownName, NAMES, WORDS } from '../messages/string-table.ts';
import { decodeBase64 } from './base64.ts';

/** Characters that stand for themselves inside a JSON string and inside a header value. */
const PLAIN = new Uint8Array(256);
for (let code = 0x20; code < 0x7f; code++) if (code !== 0x22 && code !== 0x5c) PLAIN[code] = 1;
const TOKEN = new Uint8Array(256);
for (const letter of "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
  TOKEN[letter.charCodeAt(0)] = 1;

const QUOTE = 0x22;
const COMMA = 0x2c;
const SAFE_DIGITS = 15;
/** Lists in a decision are canonical up to a quarter of the header lines; the reference reads longer ones. */
const COSTLY = 4;

const OP_NAME = literal('":{"name":');
const OP_VALUE = literal(',"value":');
const ALLOW = literal('"allow"');
const BLOCK_STATUS = literal('{"block":{"status":');
const BLOCK_BODY = literal(',"body":');
const BLOCK_NO_HEADERS = literal(',"headers":null');
const BLOCK_END = literal('}}');
const ALLOWED: Verdict = Object.freeze({ type: 'allow' });
const NO_OP: HeaderOp = { op: 'remove', name: 'x' };

/** Reads JSON without white space, for generated readers; see {@link ByteReader}. */
export class JsonReader extends ByteReader {
  // a string of its own: a kept substring would retain the text of the whole message
  readonly #make = (from: number, to: number): string => this.bytes.toString('latin1', from, to);
  readonly #makeName = (from: number, to: number): string => knownName(this.#make(from, to));

  /** Skips one byte, or declines. */
  #byte(byte: number): void {
    if (this.bytes[this.pos++] !== byte) this.ok = false;
  }

  /** Reads a text. Most are plain ASCII; escapes and UTF-8 are handled value by value. */
  text(): string {
    return this.#text(false);
  }

  /** Reads a text that is likely to come again. */
  #word(): string {
    return this.#text(true);
  }

  #text(repeats: boolean): string {
    const { bytes } = this;
    let p = this.pos;
    if (bytes[p] !== QUOTE) {
      this.ok = false;
      return '';
    }
    const from = ++p;
    while (PLAIN[bytes[p] as number] === 1) p++;
    if (bytes[p] !== QUOTE) return this.#hardText(from, p);
    this.pos = p + 1;
    return repeats && p > from ? WORDS.share(this.view, from, p, this.#make) : this.ascii(from, p);
  }

  #hardText(from: number, at: number): string {
    const { bytes } = this;
    let p = at;
    while (p < bytes.length && bytes[p] !== QUOTE) p += bytes[p] === 0x5c ? 2 : 1;
    this.pos = p + 1;
    if (p >= bytes.length || !isUtf8(bytes.subarray(from, p))) {
      this.ok = false;
      return '';
    }
    try {
      const text = JSON.parse(bytes.toString('utf8', from - 1, p + 1)) as string;
      // an unchanged length means a delete character, which a header must not have: the reference decides
      if (text.length === p - from || !text.isWellFormed()) this.ok = false;
      return text;
    } catch {
      this.ok = false;
      return '';
    }
  }

  /** Skips null if it is next. */
  isNull(): boolean {
    if (this.bytes[this.pos] !== 0x6e) return false;
    this.#null();
    return true;
  }

  /** Skips a key if it is next, with the comma in front of it unless it is the first of its object. */
  key(what: Literal): boolean {
    const at = this.pos;
    if (this.bytes[at - 1] !== 0x7b) {
      if (this.bytes[at] !== COMMA) return false;
      this.pos++;
    }
    if (this.maybe(what)) return true;
    this.pos = at;
    return false;
  }

  #null(): void {
    if (this.view.getInt32(this.pos) === 0x6e756c6c) this.pos += 4;
    else this.ok = false;
  }

  #digits(): number {
    const { bytes } = this;
    let p = this.pos;
    let value = (bytes[p] as number) - 48;
    if (!(value >= 0 && value <= 9)) {
      this.ok = false;
      return 0;
    }
    const from = p++;
    for (;;) {
      const digit = (bytes[p] as number) - 48;
      if (!(digit >= 0 && digit <= 9)) break;
      value = value * 10 + digit;
      p++;
    }
    // a leading zero is not JSON; fractions, exponents and long numbers are left to the reference
    const next = bytes[p];
    if (
      p - from > SAFE_DIGITS ||
      (p - from > 1 && bytes[from] === 48) ||
      next === 0x2e ||
      next === 0x65 ||
      next === 0x45
    )
      this.ok = false;
    this.pos = p;
    return value;
  }

  u64(): number {
    return this.#digits();
  }

  u32(): number {
    const value = this.#digits();
    if (value > 0xffff_ffff) this.ok = false;
    return value;
  }

  u16(): number {
    const value = this.#digits();
    if (value > 0xffff) this.ok = false;
    return value;
  }

  status(): number {
    const value = this.#digits();
    if (value < 100 || value > 999) this.ok = false;
    return value;
  }

  bool(): boolean {
    if (this.view.getInt32(this.pos) === 0x74727565) {
      this.pos += 4;
      return true;
    }
    if (this.view.getInt32(this.pos) === 0x66616c73 && this.bytes[this.pos + 4] === 0x65) this.pos += 5;
    else this.ok = false;
    return false;
  }

  /** Reads base64 text. */
  data(): Uint8Array {
    const { bytes } = this;
    const from = this.pos + 1;
    const to = bytes.indexOf(QUOTE, from);
    this.pos = to + 1;
    const decoded =
      bytes[from - 1] === QUOTE && to !== -1 ? decodeBase64(bytes.toString('latin1', from, to)) : undefined;
    if (decoded !== undefined) return decoded;
    this.ok = false;
    return bytes.subarray(0, 0);
  }

  #name(): string {
    const { bytes } = this;
    let p = this.pos;
    const from = p + 1;
    if (bytes[p++] === QUOTE) while (TOKEN[bytes[p] as number] === 1) p++;
    this.pos = p + 1;
    if (bytes[p] === QUOTE && p > from) return NAMES.share(this.view, from, p, this.#makeName);
    this.ok = false;
    return '';
  }

  #headerValue(repeats = false): string {
    const from = this.pos + 1;
    const value = this.#text(repeats);
    // plain ASCII was checked while it was read; escapes and UTF-8 make a value shorter than its bytes
    if (this.pos - 1 - from !== value.length && !isValidHeaderValue(value)) this.ok = false;
    return value;
  }

  /** Reads headers as `[[name, value], …]`. */
  pairs(): HeaderList {
    const list: string[] = [];
    if (this.#empty(0x5b, 0x5d)) return list;
    do {
      this.#byte(0x5b);
      list.push(this.#name());
      this.#byte(COMMA);
      list.push(this.#headerValue());
      this.#byte(0x5d);
    } while (this.#more(0x5d, list.length));
    return list;
  }

  /** Reads headers as `{name: [value, …], …}`. */
  multi(): HeaderList {
    const list: string[] = [];
    if (this.#empty(0x7b, 0x7d)) return list;
    do {
      const name = this.#name();
      if (!isNewName(name, list)) this.ok = false;
      this.#byte(0x3a);
      this.#byte(0x5b);
      if (this.bytes[this.pos] === 0x5d) {
        this.pos++;
        continue;
      }
      do list.push(name, this.#headerValue());
      while (this.#more(0x5d, list.length));
    } while (this.#more(0x7d, list.length));
    return list;
  }

  /** Opens a list or a map. @returns whether it is empty */
  #empty(open: number, close: number): boolean {
    this.#byte(open);
    if (this.bytes[this.pos] !== close) return false;
    this.pos++;
    return true;
  }

  /** Skips a comma or the end of a list. @returns whether another item follows */
  #more(close: number, count: number): boolean {
    const byte = this.bytes[this.pos++];
    if (byte === close) return false;
    if (byte !== COMMA || count >= 2 * MAX_HEADER_LINES) this.ok = false;
    return this.ok;
  }

  /** Reads a list of texts; `undefined` when it is empty. */
  textsOrEmpty(): readonly string[] | undefined {
    if (this.#empty(0x5b, 0x5d)) return undefined;
    const list: string[] = [];
    do list.push(this.#word());
    while (this.#more(0x5d, COSTLY * list.length));
    return list;
  }

  /** Reads an allow or a block without headers; others are left to the reference. */
  verdict(): Verdict {
    if (this.maybe(ALLOW)) return ALLOWED;
    this.lit(BLOCK_STATUS);
    const status = this.status();
    // the reference refuses a status that is not final
    if (status < 200) this.ok = false;
    const body = this.maybe(BLOCK_BODY) && !this.isNull() ? this.text() : undefined;
    this.maybe(BLOCK_NO_HEADERS);
    this.lit(BLOCK_END);
    return { type: 'block', status, body, headers: undefined };
  }

  /** Reads header operations; `undefined` when there are none. */
  opsOrEmpty(): readonly HeaderOp[] | undefined {
    if (this.#empty(0x5b, 0x5d)) return undefined;
    const list: HeaderOp[] = [];
    do list.push(this.#op());
    while (this.#more(0x5d, COSTLY * list.length));
    return list;
  }

  #op(): HeaderOp {
    const tag = this.view.getInt32(this.pos + 1);
    // "set and "add differ in four bytes; a remove is rare and left to the reference
    const op = tag === 0x22736574 ? 'set' : tag === 0x22616464 ? 'add' : undefined;
    if (op === undefined || this.bytes[this.pos] !== 0x7b) {
      this.ok = false;
      return NO_OP;
    }
    this.pos += 5;
    this.lit(OP_NAME);
    const name = this.#name();
    this.lit(OP_VALUE);
    const value = this.#headerValue(true);
    this.#byte(0x7d);
    this.#byte(0x7d);
    return { op, name, value };
  }
}
