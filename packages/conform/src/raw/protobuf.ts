/** Value of a protobuf field: text and messages as bytes, numbers as varints. */
type ProtoValue = number | bigint | boolean | string | Uint8Array;

/** Fields by number; a list is a repeated field. Absent ones are not written. */
export type ProtoFields = Readonly<Record<number, ProtoValue | readonly ProtoValue[] | undefined>>;

function varint(value: bigint): number[] {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  while (rest > 0x7fn) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return bytes;
}

function field(number: number, value: ProtoValue): Buffer {
  if (typeof value === 'string' || value instanceof Uint8Array) {
    const bytes = typeof value === 'string' ? Buffer.from(value) : value;
    return Buffer.concat([Buffer.from([...varint(BigInt((number << 3) | 2)), ...varint(BigInt(bytes.length))]), bytes]);
  }
  return Buffer.from([...varint(BigInt(number << 3)), ...varint(BigInt(value))]);
}

/** Writes a message. */
export function encodeProto(fields: ProtoFields): Buffer {
  const parts: Buffer[] = [];
  for (const [number, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    const values = Array.isArray(value) ? (value as readonly ProtoValue[]) : [value as ProtoValue];
    for (const one of values) parts.push(field(Number(number), one));
  }
  return Buffer.concat(parts);
}

/** Decoded message: the values of each field, in order. */
export class ProtoMessage {
  readonly #fields = new Map<number, (bigint | Buffer)[]>();

  /** @throws Error for bytes that are no protobuf message */
  constructor(bytes: Buffer) {
    let at = 0;
    const readVarint = (): bigint => {
      let value = 0n;
      for (let shift = 0n; shift < 70n; shift += 7n) {
        const byte = bytes[at++];
        if (byte === undefined) break;
        value |= BigInt(byte & 0x7f) << shift;
        if (byte < 0x80) return value;
      }
      throw new Error('a varint has no end');
    };
    const take = (length: number): Buffer => {
      if (at + length > bytes.length) throw new Error('a field is longer than its message');
      at += length;
      return bytes.subarray(at - length, at);
    };
    while (at < bytes.length) {
      const tag = readVarint();
      const number = Number(tag >> 3n);
      const kind = Number(tag & 7n);
      if (number === 0) throw new Error('a field has the number 0');
      if (kind === 0) this.#add(number, readVarint());
      else if (kind === 1) this.#add(number, take(8));
      else if (kind === 2) this.#add(number, take(Number(readVarint())));
      else if (kind === 5) this.#add(number, take(4));
      else throw new Error(`a field has the wire type ${kind}`);
    }
  }

  #add(number: number, value: bigint | Buffer): void {
    const values = this.#fields.get(number);
    if (values === undefined) this.#fields.set(number, [value]);
    else values.push(value);
  }

  /** Numbers of the present fields. */
  get numbers(): number[] {
    return [...this.#fields.keys()];
  }

  has(number: number): boolean {
    return this.#fields.has(number);
  }

  /** Last value of a field with bytes. */
  bytes(number: number): Buffer | undefined {
    return this.all(number).at(-1);
  }

  /** All values of a repeated field with bytes. */
  all(number: number): Buffer[] {
    return (this.#fields.get(number) ?? []).filter((value) => typeof value !== 'bigint');
  }

  text(number: number): string | undefined {
    return this.bytes(number)?.toString('utf8');
  }

  message(number: number): ProtoMessage | undefined {
    const bytes = this.bytes(number);
    return bytes === undefined ? undefined : new ProtoMessage(bytes);
  }

  /** Number; 0 when absent, as in proto3. */
  number(number: number): number {
    const value = this.#fields.get(number)?.at(-1);
    return typeof value === 'bigint' ? Number(value) : 0;
  }

  /** A list of numbers, packed or not. */
  numberList(number: number): number[] {
    return (this.#fields.get(number) ?? []).flatMap((value) =>
      typeof value === 'bigint' ? [Number(value)] : unpack(value),
    );
  }
}

function unpack(bytes: Buffer): number[] {
  const found: number[] = [];
  let value = 0;
  let scale = 1;
  for (const byte of bytes) {
    value += (byte & 0x7f) * scale;
    scale *= 128;
    if (byte >= 0x80) continue;
    found.push(value);
    value = 0;
    scale = 1;
  }
  return found;
}
