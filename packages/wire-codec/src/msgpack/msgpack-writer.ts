import type { HeaderList, HeaderOp, Verdict } from '@agentwire/core';

import { FRAME_HEAD_BYTES } from '../messages/frame-space.ts';

const char = String.fromCharCode;

function countHigh(text: string): number {
  let count = 0;
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) count++;
  return count;
}

const wide = (tag: number, n: number): string =>
  n < 0x1_0000 ? char(tag, n >> 8, n & 0xff) : char(tag + 1, n >>> 24, (n >> 16) & 0xff, (n >> 8) & 0xff, n & 0xff);

const TEXT_HEADS = Array.from({ length: 256 }, (_, n) => (n < 32 ? char(0xa0 | n) : char(0xd9, n)));
const TEXT_HIGHS = Uint8Array.from(TEXT_HEADS, countHigh);
const SMALL = Array.from({ length: 1024 }, (_, n) =>
  n < 0x80 ? char(n) : n < 0x100 ? char(0xcc, n) : char(0xcd, n >> 8, n & 0xff),
);
const SMALL_HIGHS = Uint8Array.from(SMALL, countHigh);

/**
 * Builds MessagePack as text of one-byte characters, for generated writers: parts are joined and written into the outbox
 * by one native call. Values must be ASCII, which is checked at the end: as UTF-8 the text must be longer by exactly the
 * bytes of the heads above 0x7f, which `high` counts.
 */
export class MsgpackWriter {
  /** Bytes above 0x7f among the heads so far. */
  high = 0;
  /** Set for a message that the reference has to write. */
  declined = false;
  /** Text before raw bytes, where a message has some. */
  before = '';
  /** Raw bytes of the message. */
  raw: Uint8Array | undefined;

  begin(high: number): void {
    this.high = high;
    this.declined = false;
    this.before = '';
    this.raw = undefined;
  }

  /** Leaves a message with a value of another type to the reference, which refuses it. */
  #decline(): string {
    this.declined = true;
    return '';
  }

  /** Counts the bytes of a head above 0x7f. */
  #head(text: string): string {
    this.high += countHigh(text);
    return text;
  }

  /** Counts the heads of a constant part that is optional. */
  constant(high: number): string {
    this.high += high;
    return '';
  }

  text(value: string): string {
    if (typeof value !== 'string') return this.#decline();
    const { length } = value;
    if (length < 256) {
      this.high += TEXT_HIGHS[length] as number;
      return (TEXT_HEADS[length] as string) + value;
    }
    return this.#head(wide(0xda, length)) + value;
  }

  textOrNull(value: string | undefined): string {
    if (value !== undefined) return this.text(value);
    this.high++;
    return '\xc0';
  }

  uint(value: number): string {
    if (value < 1024 && value >= 0) {
      this.high += SMALL_HIGHS[value] as number;
      return SMALL[value] as string;
    }
    if (!Number.isSafeInteger(value) || value < 0) {
      this.declined = true;
      return '';
    }
    if (value < 0x1_0000) return this.#head(char(0xcd, value >> 8, value & 0xff));
    const low = value % 0x1_0000_0000;
    const bytes = char(low >>> 24, (low >>> 16) & 0xff, (low >>> 8) & 0xff, low & 0xff);
    if (value < 0x1_0000_0000) return this.#head(`\xce${bytes}`);
    const high = Math.floor(value / 0x1_0000_0000);
    return this.#head(`\xcf${char(high >>> 24, (high >>> 16) & 0xff, (high >>> 8) & 0xff, high & 0xff)}${bytes}`);
  }

  uintOrNull(value: number | undefined): string {
    if (value !== undefined) return this.uint(value);
    this.high++;
    return '\xc0';
  }

  /** Writes an id of the documented dialect; a bigint is left to the reference. */
  number(value: number | bigint | string): string {
    if (typeof value === 'number') return this.uint(value);
    this.declined = true;
    return '';
  }

  bool(value: boolean): string {
    this.high++;
    return value ? '\xc3' : '\xc2';
  }

  list(count: number): string {
    if (count >= 16) return this.#head(wide(0xdc, count));
    this.high++;
    return char(0x90 | count);
  }

  map(count: number): string {
    if (count >= 16) return this.#head(wide(0xde, count));
    this.high++;
    return char(0x80 | count);
  }

  texts(values: readonly string[]): string {
    let out = this.list(values.length);
    for (const value of values) out += this.text(value);
    return out;
  }

  pairs(headers: HeaderList): string {
    let out = this.list(headers.length >> 1);
    for (let i = 0; i < headers.length; i += 2) {
      this.high++;
      out += `\x92${this.text(headers[i] as string)}${this.text(headers[i + 1] as string)}`;
    }
    return out;
  }

  /** Writes headers as map from names to lists; a repeated name, and one that may be a whole number, is left to the reference. */
  multi(headers: HeaderList): string {
    let out = this.map(headers.length >> 1);
    for (let i = 0; i < headers.length; i += 2) {
      const name = headers[i] as string;
      for (let j = 0; j < i; j += 2) if (headers[j] === name) this.declined = true;
      if (typeof name !== 'string') return this.#decline();
      const first = name.charCodeAt(0);
      if (first >= 0x30 && first <= 0x39) return this.#decline();
      this.high++;
      out += `${this.text(name)}\x91${this.text(headers[i + 1] as string)}`;
    }
    return out;
  }

  ops(values: readonly HeaderOp[]): string {
    let out = this.list(values.length);
    for (const op of values) {
      if (op.op === 'remove') {
        this.declined = true;
        return '';
      }
      this.high += 5;
      out += `${op.op === 'set' ? '\x81\xa3set' : '\x81\xa3add'}\x82\xa4name${this.text(op.name)}\xa5value${this.text(op.value)}`;
    }
    return out;
  }

  verdict(value: Verdict): string {
    if (value.type !== 'allow') this.declined = true;
    this.high++;
    return '\xa5allow';
  }

  /** Puts raw bytes behind the text so far. */
  split(before: string, value: Uint8Array): void {
    const { length } = value;
    this.before = before + this.#head(length < 0x100 ? char(0xc4, length) : wide(0xc5, length));
    this.raw = value;
  }

  /** Length of the payload that ends with `after`, or -1 where the reference has to write it. */
  size(after: string): number {
    const length = this.before.length + after.length;
    if (this.declined || Buffer.byteLength(this.before) + Buffer.byteLength(after) !== length + this.high) return -1;
    return length + (this.raw?.length ?? 0);
  }

  /** Writes the payload behind the frame head at `at`. @returns the byte after the last */
  put(target: Buffer, at: number, after: string): number {
    let end = at + FRAME_HEAD_BYTES;
    if (this.raw !== undefined) {
      end += target.write(this.before, end, 'latin1');
      target.set(this.raw, end);
      end += this.raw.length;
      this.raw = undefined;
    }
    return end + target.write(after, end, 'latin1');
  }
}
