import type { HeaderList, HeaderOp, Verdict } from '@agentwire/core';

import { FRAME_HEAD_BYTES } from '../messages/frame-space.ts';

/** Memory of the writer between messages, in bytes; a longer message gets more for as long as it is written. */
const KEPT_BYTES = 64 * 1024;
/** Characters from which on a native call writes a text faster than a loop. */
const NATIVE_LENGTH = 48;
/** Bytes in front of a text at most, and those that a text past ASCII would need more than its length. */
const TEXT_EXTRA_BYTES = 16;

/**
 * Builds MessagePack for generated writers in memory of its own, from where one native call copies it into the outbox. Texts must be ASCII, so
 * that each character is one byte; a message with others is left to the reference.
 *
 * Joining texts, and writing the whole at once, takes as long, and 3.5 KB of garbage for a head with twelve headers: more than half of what the
 * session of a proxy makes. With 10 000 in flight, each collection copies all that is alive (`pnpm bench --stack =uds-msgpack-4`).
 */
export class MsgpackWriter {
  /** Set for a message that the reference has to write. */
  declined = false;
  #bytes: Buffer = Buffer.allocUnsafeSlow(KEPT_BYTES);
  #end = 0;
  /** Raw bytes of the message, and their place in it. */
  #raw: Uint8Array | undefined;
  #rawAt = 0;

  begin(): void {
    this.declined = false;
    this.#end = 0;
    this.#raw = undefined;
    if (this.#bytes.length > KEPT_BYTES) this.#bytes = Buffer.allocUnsafeSlow(KEPT_BYTES);
  }

  /** Makes room for `length` more bytes. Callers look first whether there is: a call for each part of a message is what costs here. */
  #grow(length: number): void {
    const larger = Buffer.allocUnsafeSlow(2 * (this.#end + length));
    this.#bytes.copy(larger, 0, 0, this.#end);
    this.#bytes = larger;
  }

  /** Writes one byte. */
  byte(value: number): void {
    if (this.#end === this.#bytes.length) this.#grow(1);
    this.#bytes[this.#end++] = value;
  }

  /** Writes a head with a length of 16 bits, or of 32 bits by the tag after it. */
  #wide(tag: number, length: number): void {
    const at = this.#end;
    if (at + 5 > this.#bytes.length) this.#grow(5);
    const bytes = this.#bytes;
    if (length < 0x1_0000) {
      bytes[at] = tag;
      bytes[at + 1] = length >> 8;
      bytes[at + 2] = length;
      this.#end = at + 3;
      return;
    }
    bytes[at] = tag + 1;
    this.#end = put32(bytes, at + 1, length);
  }

  /** Writes constant bytes, as text of one-byte characters. */
  constant(text: string): void {
    const { length } = text;
    const at = this.#end;
    if (at + length > this.#bytes.length) this.#grow(length);
    const bytes = this.#bytes;
    for (let i = 0; i < length; i++) bytes[at + i] = text.charCodeAt(i);
    this.#end = at + length;
  }

  /** @param before constant bytes in front of it, as text of one-byte characters */
  text(before: string, value: string): void {
    // leaves a message with a value of another type to the reference, which refuses it
    if (typeof value !== 'string') {
      this.declined = true;
      return;
    }
    const { length } = value;
    let at = this.#end;
    const needed = before.length + length + TEXT_EXTRA_BYTES;
    if (at + needed > this.#bytes.length) this.#grow(needed);
    const bytes = this.#bytes;
    for (let i = 0; i < before.length; i++) bytes[at++] = before.charCodeAt(i);
    if (length < 32) bytes[at++] = 0xa0 | length;
    else if (length < 256) {
      bytes[at++] = 0xd9;
      bytes[at++] = length;
    } else {
      this.#end = at;
      this.#wide(0xda, length);
      at = this.#end;
    }
    if (length < NATIVE_LENGTH) {
      let seen = 0;
      for (let i = 0; i < length; i++) {
        const code = value.charCodeAt(i);
        seen |= code;
        bytes[at + i] = code;
      }
      if (seen > 0x7f) this.declined = true;
    } else if (bytes.write(value, at) !== length) this.declined = true;
    this.#end = at + length;
  }

  /** @param before as that of {@link text} */
  uint(before: string, value: number): void {
    let at = this.#end;
    const needed = before.length + 9;
    if (at + needed > this.#bytes.length) this.#grow(needed);
    const bytes = this.#bytes;
    for (let i = 0; i < before.length; i++) bytes[at++] = before.charCodeAt(i);
    if (value < 0x80 && value >= 0) bytes[at++] = value;
    else if (!Number.isSafeInteger(value) || value < 0) this.declined = true;
    else if (value < 0x100) {
      bytes[at++] = 0xcc;
      bytes[at++] = value;
    } else if (value < 0x1_0000) {
      bytes[at++] = 0xcd;
      bytes[at++] = value >> 8;
      bytes[at++] = value;
    } else if (value < 0x1_0000_0000) {
      bytes[at++] = 0xce;
      at = put32(bytes, at, value);
    } else {
      bytes[at++] = 0xcf;
      at = put32(bytes, at, Math.floor(value / 0x1_0000_0000));
      at = put32(bytes, at, value % 0x1_0000_0000);
    }
    this.#end = at;
  }

  /** Writes an id of the documented dialect; a bigint is left to the reference. @param before as that of {@link text} */
  number(before: string, value: number | bigint | string): void {
    if (typeof value === 'number') this.uint(before, value);
    else this.declined = true;
  }

  list(count: number): void {
    if (count < 16) this.byte(0x90 | count);
    else this.#wide(0xdc, count);
  }

  map(count: number): void {
    if (count < 16) this.byte(0x80 | count);
    else this.#wide(0xde, count);
  }

  texts(values: readonly string[]): void {
    this.list(values.length);
    for (const value of values) this.text('', value);
  }

  pairs(headers: HeaderList): void {
    this.list(headers.length >> 1);
    for (let i = 0; i < headers.length; i += 2) {
      this.text('\x92', headers[i] as string);
      this.text('', headers[i + 1] as string);
    }
  }

  /** Writes headers as map from names to lists; a repeated name, and one that may be a whole number, is left to the reference. */
  multi(headers: HeaderList): void {
    this.map(headers.length >> 1);
    for (let i = 0; i < headers.length; i += 2) {
      const name = headers[i] as string;
      for (let j = 0; j < i; j += 2) if (headers[j] === name) this.declined = true;
      const first = typeof name === 'string' ? name.charCodeAt(0) : 0x30;
      if (first >= 0x30 && first <= 0x39) this.declined = true;
      if (this.declined) return;
      this.text('', name);
      this.text('\x91', headers[i + 1] as string);
    }
  }

  ops(values: readonly HeaderOp[]): void {
    this.list(values.length);
    for (const op of values) {
      if (op.op === 'remove') {
        this.declined = true;
        return;
      }
      this.text(op.op === 'set' ? '\x81\xa3set\x82\xa4name' : '\x81\xa3add\x82\xa4name', op.name);
      this.text('\xa5value', op.value);
    }
  }

  verdict(value: Verdict): void {
    if (value.type !== 'allow') this.declined = true;
    this.constant('\xa5allow');
  }

  /** Writes raw bytes, which {@link put} copies from where they are. */
  data(value: Uint8Array): void {
    const { length } = value;
    if (length < 0x100) {
      this.byte(0xc4);
      this.byte(length);
    } else this.#wide(0xc5, length);
    this.#raw = value;
    this.#rawAt = this.#end;
  }

  /** Length of the payload. */
  get size(): number {
    return this.#end + (this.#raw?.length ?? 0);
  }

  /** Copies the payload behind the frame head at `at`. @returns the byte after the last */
  put(target: Buffer, at: number): number {
    const raw = this.#raw;
    const from = at + FRAME_HEAD_BYTES;
    if (raw === undefined) return from + this.#bytes.copy(target, from, 0, this.#end);
    this.#raw = undefined;
    const rawAt = from + this.#bytes.copy(target, from, 0, this.#rawAt);
    target.set(raw, rawAt);
    return rawAt + raw.length + this.#bytes.copy(target, rawAt + raw.length, this.#rawAt, this.#end);
  }
}

/** Writes 32 bits at `at`. @returns the byte after them */
function put32(bytes: Buffer, at: number, value: number): number {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
  return at + 4;
}
