import { isUtf8 } from 'node:buffer';

/** First character of the 128 that stand for bytes that are no UTF-8: U+DC00 plus the byte, as in Python's surrogateescape. */
const ESCAPE = 0xdc00;

/** Returns the length of the character that begins with this byte, in bytes; 0 for a byte that begins none. */
function lengthFrom(lead: number): number {
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead < 0xe0) return 2;
  if (lead >= 0xe0 && lead < 0xf0) return 3;
  return lead >= 0xf0 && lead < 0xf5 ? 4 : 0;
}

/** Returns the number of bytes at the end that begin a character which more bytes may complete. */
function incompleteEnd(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if ((byte & 0xc0) !== 0x80) return lengthFrom(byte) > back ? back : 0;
  }
  return 0;
}

function toTextSlowly(bytes: Buffer): string {
  const parts: string[] = [];
  let from = 0;
  for (let at = 0; at < bytes.length;) {
    const length = lengthFrom(bytes[at] ?? 0);
    if (length > 0 && at + length <= bytes.length && (length === 1 || isUtf8(bytes.subarray(at, at + length)))) {
      at += length;
      continue;
    }
    parts.push(bytes.toString('utf8', from, at), String.fromCharCode(ESCAPE + (bytes[at] ?? 0)));
    at += 1;
    from = at;
  }
  parts.push(bytes.toString('utf8', from));
  return parts.join('');
}

/** Returns the bytes of a text; characters that stand for single bytes become them again. */
export function toBytes(text: string): Buffer {
  if (text.isWellFormed()) return Buffer.from(text);
  const parts = text.split(/((?<![\uD800-\uDBFF])[\uDC80-\uDCFF])/);
  // every second part is such a character
  return Buffer.concat(
    parts.map((part, index) => (index % 2 === 0 ? Buffer.from(part) : Buffer.of(part.charCodeAt(0) - ESCAPE))),
  );
}

/** Reads UTF-8 in pieces without a loss: bytes that are no UTF-8 become single characters that {@link toBytes} undoes. */
export class Utf8Reader {
  #rest: Buffer = Buffer.alloc(0);

  /** Returns the text of a piece, up to the last whole character. */
  read(piece: Uint8Array, last: boolean): string {
    const view = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
    const all = this.#rest.length === 0 ? view : Buffer.concat([this.#rest, view]);
    const end = all.length - (last ? 0 : incompleteEnd(all));
    this.#rest = Buffer.from(all.subarray(end));
    const whole = all.subarray(0, end);
    return isUtf8(whole) ? whole.toString() : toTextSlowly(whole);
  }
}
