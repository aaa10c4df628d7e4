import { isValidHeaderName } from '@agentwire/headers';

/** Longest message that is converted to text as a whole; a longer one is mostly a body. */
const WHOLE_TEXT_BYTES = 128 * 1024;

/** Methods that need no check of their letters. */
const COMMON: ReadonlySet<string> = new Set(['GET', 'POST', 'PUT', 'HEAD', 'DELETE', 'PATCH', 'OPTIONS']);

/** Tells whether a method is an HTTP token. */
export function isMethod(value: string): boolean {
  return COMMON.has(value) || isValidHeaderName(value);
}

/** Tells whether a uri may be part of a request line: no space, no control character. */
export function isUri(value: string): boolean {
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (code <= 0x20 || code === 0x7f) return false;
  }
  return true;
}

/** Bytes to compare with, as 32-bit words and a rest. */
export interface Literal {
  readonly words: readonly number[];
  readonly rest: readonly number[];
  readonly length: number;
}

/** Prepares text of one-byte characters for {@link ByteReader.lit}. */
export function literal(text: string): Literal {
  const bytes = Buffer.from(text, 'latin1');
  const words: number[] = [];
  let at = 0;
  for (; at + 4 <= bytes.length; at += 4) words.push(bytes.readInt32BE(at));
  return { words, rest: [...bytes.subarray(at)], length: bytes.length };
}

/**
 * Cursor over the bytes of one read, for generated readers. A method that does not find its value sets `ok` to false and
 * returns a harmless one: the reader then declines, and the reference mapping reads the message again and names the error.
 * Reads past the end throw a RangeError, which also declines.
 */
export abstract class ByteReader {
  ok = true;
  pos = 0;
  protected bytes: Buffer = Buffer.alloc(0);
  protected view: DataView = new DataView(new ArrayBuffer(0));
  #text: string | undefined;
  #textFrom = 0;
  #textTo = 0;

  /** Moves to the payload `bytes[start, end)`. */
  begin(bytes: Buffer, start: number, end: number): void {
    if (bytes !== this.bytes) {
      this.bytes = bytes;
      this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    }
    this.#text = undefined;
    this.#textFrom = start;
    this.#textTo = end;
    this.pos = start;
    this.ok = true;
  }

  /** Reads a text. */
  abstract text(): string;

  /** Reads the method of a request. */
  method(): string {
    const value = this.text();
    if (!isMethod(value)) this.ok = false;
    return value;
  }

  /** Reads the path and query of a request. */
  uri(): string {
    const value = this.text();
    if (!isUri(value)) this.ok = false;
    return value;
  }

  /**
   * Makes a string of bytes known to be ASCII. It is a substring of its message's text, which V8 retains as a whole: never
   * of more than one message, so that a kept client address does not retain a read of 64 KiB.
   */
  protected ascii(from: number, to: number): string {
    const start = this.#textFrom;
    if (this.#text !== undefined) return this.#text.substring(from - start, to - start);
    if (this.#textTo - start > WHOLE_TEXT_BYTES) return this.bytes.toString('latin1', from, to);
    this.#text = this.bytes.toString('latin1', start, this.#textTo);
    return this.#text.substring(from - start, to - start);
  }

  /** Skips `what`, or declines. */
  lit(what: Literal): void {
    if (!this.maybe(what)) this.ok = false;
  }

  /** Skips `what` if it is next. */
  maybe(what: Literal): boolean {
    const { words, rest } = what;
    const { view } = this;
    let p = this.pos;
    if (p + what.length > view.byteLength) return false;
    for (let i = 0; i < words.length; i++, p += 4) if (view.getInt32(p) !== words[i]) return false;
    for (let i = 0; i < rest.length; i++, p++) if (view.getUint8(p) !== rest[i]) return false;
    this.pos = p;
    return true;
  }
}
