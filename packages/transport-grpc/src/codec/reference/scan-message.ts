/** Result of {@link scanMessage}. */
export interface Scanned {
  /** Number of the outer oneof field; 0 where none could be read. */
  readonly kind: number;
  /** The correlation id, where one could be read. */
  readonly id: string | undefined;
}

class Cursor {
  readonly bytes: Uint8Array;
  at: number;
  readonly end: number;

  constructor(bytes: Uint8Array, at: number, end: number) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }

  /** The next varint up to 2^35, or -1. */
  varint(): number {
    let value = 0;
    for (let factor = 1; this.at < this.end && factor <= 2 ** 63; factor *= 128) {
      const byte = this.bytes[this.at++] as number;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
    return -1;
  }

  /** Finds the next length-delimited field `number`. @returns its content, cut at the end of what there is. */
  find(number: number): Cursor | undefined {
    while (this.at < this.end) {
      const tag = this.varint();
      if (tag < 0) return undefined;
      const wire = tag % 8;
      let length = 0;
      if (wire === 2) length = this.varint();
      else if (wire === 0) this.varint();
      else if (wire === 1) length = 8;
      else if (wire === 5) length = 4;
      else return undefined;
      if (length < 0) return undefined;
      const start = this.at;
      this.at = Math.min(this.end, start + length);
      if (wire === 2 && Math.floor(tag / 8) === number) return new Cursor(this.bytes, start, this.at);
    }
    return undefined;
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function textOf(cursor: Cursor | undefined): string | undefined {
  if (cursor === undefined || cursor.at === cursor.end) return undefined;
  try {
    return utf8.decode(cursor.bytes.subarray(cursor.at, cursor.end));
  } catch {
    return undefined;
  }
}

/**
 * Finds the kind and the request of a message that cannot be read, by its first fields only.
 *
 * @param nestedKind the kind whose id is in field 1 of field 1 (RequestHeaders); -1 for none
 * @param configureKind the kind whose id is in field 100 (Configure); -1 for none
 */
export function scanMessage(bytes: Uint8Array, nestedKind: number, configureKind: number): Scanned {
  const outer = new Cursor(bytes, 0, bytes.length);
  const tag = outer.varint();
  if (tag < 0 || tag % 8 !== 2) return { kind: 0, id: undefined };
  const kind = Math.floor(tag / 8);
  const length = outer.varint();
  if (length < 0) return { kind, id: undefined };
  const content = new Cursor(bytes, outer.at, Math.min(bytes.length, outer.at + length));
  if (kind === nestedKind) return { kind, id: textOf(content.find(1)?.find(1)) };
  const number = kind === configureKind ? 100 : 1;
  const id = textOf(content.find(number));
  const other = content.find(number);
  return { kind, id: other === undefined || textOf(other) === id ? id : undefined };
}
