/** Types of the frames that are used here. */
export const FRAME = { hello: 1, disconnect: 2, notify: 3, agentHello: 101, ack: 103 } as const;

const FIN = 1;
const MAX_FRAME_BYTES = 16_380;

/** A frame of HAProxy's. */
export interface SpopFrame {
  /** Bytes that it takes, with its length. */
  readonly length: number;
  readonly type: number;
  readonly streamId: number;
  readonly frameId: number;
  readonly payload: Buffer;
}

/** Reads values one after the other. */
class Reader {
  readonly bytes: Buffer;
  at: number;

  constructor(bytes: Buffer, at: number) {
    this.bytes = bytes;
    this.at = at;
  }

  get done(): boolean {
    return this.at >= this.bytes.length;
  }

  byte(): number {
    const value = this.bytes[this.at] ?? 0;
    this.at += 1;
    return value;
  }

  /** Integer of variable length: four bits in the first byte, from 240 on seven in each of the others. */
  varint(): number {
    let value = this.byte();
    if (value < 240) return value;
    let scale = 16;
    for (;;) {
      const byte = this.byte();
      value += byte * scale;
      if (byte < 128) return value;
      scale *= 128;
    }
  }

  text(): string {
    const length = this.varint();
    this.at += length;
    return this.bytes.toString('latin1', this.at - length, this.at);
  }

  /** Typed value; those that are not text are skipped. */
  value(): string | undefined {
    const type = this.byte() & 0x0f;
    if (type === 8 || type === 9) return this.text();
    if (type === 6) this.at += 4;
    else if (type === 7) this.at += 16;
    else if (type > 1) this.varint();
    return undefined;
  }
}

function varint(value: number): number[] {
  if (value < 240) return [value];
  const bytes = [(value & 0x0f) | 0xf0];
  let rest = Math.floor((value - 240) / 16);
  for (; rest >= 128; rest = Math.floor((rest - 128) / 128)) bytes.push((rest & 0x7f) | 0x80);
  return [...bytes, rest];
}

const text = (value: string): number[] => [...varint(value.length), ...Buffer.from(value, 'latin1')];
const textValue = (value: string): number[] => [8, ...text(value)];

function frame(type: number, ids: readonly number[], payload: readonly number[]): Buffer {
  const bytes = Buffer.from([0, 0, 0, 0, type, 0, 0, 0, FIN, ...ids, ...payload]);
  bytes.writeUInt32BE(bytes.length - 4);
  return bytes;
}

/** Reads the first frame of `bytes`; `undefined` where it is not whole. */
export function readFrame(bytes: Buffer): SpopFrame | undefined {
  if (bytes.length < 4) return undefined;
  const length = bytes.readUInt32BE(0) + 4;
  if (bytes.length < length) return undefined;
  const reader = new Reader(bytes.subarray(0, length), 9);
  const [streamId, frameId] = [reader.varint(), reader.varint()];
  return { length, type: bytes[4] ?? 0, streamId, frameId, payload: bytes.subarray(reader.at, length) };
}

/** Reads the arguments of every message of a NOTIFY frame, by name. */
export function readMessages(payload: Buffer): ReadonlyMap<string, string | undefined> {
  const reader = new Reader(payload, 0);
  const read = new Map<string, string | undefined>();
  while (!reader.done) {
    reader.text();
    for (let count = reader.byte(); count > 0; count--) read.set(reader.text(), reader.value());
  }
  return read;
}

/** Makes the answer to HAPROXY-HELLO. */
export function agentHello(): Buffer {
  const size = [...text('max-frame-size'), 3, ...varint(MAX_FRAME_BYTES)];
  const payload = [
    ...text('version'),
    ...textValue('2.0'),
    ...size,
    ...text('capabilities'),
    ...textValue('pipelining'),
  ];
  return frame(FRAME.agentHello, [0, 0], payload);
}

// set-var, three arguments, scope of the transaction
const ALLOW = [1, 3, 2, ...text('verdict'), ...textValue('allow')];

/** Makes the answer to a NOTIFY frame: the variable `verdict` of the transaction is `allow`. */
export function ack({ streamId, frameId }: SpopFrame): Buffer {
  return frame(FRAME.ack, [...varint(streamId), ...varint(frameId)], ALLOW);
}
