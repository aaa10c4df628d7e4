import type { ChainEvent } from './chain-event.ts';

/** The parts of an entry that its hash covers. */
export type ChainDraft = Omit<ChainEvent, 'hash'>;

const TAG = Buffer.from('agentwire-chain/2\0', 'latin1');

/** Writes the bytes that an entry's hash covers; the buffer is used again by the next call. */
export class EntryWriter {
  #buffer = Buffer.alloc(1024);
  readonly #format: 1 | 2;
  readonly #chainId: number;

  constructor(format: 1 | 2, chainId: number) {
    this.#format = format;
    this.#chainId = chainId;
  }

  /**
   * The bytes of one entry.
   *
   * Format 1: sequence (u64 LE), chain id (u32 LE), previous hash, source, 0, kind, 0, seconds (i64 LE), payload hash.
   * Format 2: a version tag first, source and kind each after their length (u32 LE), nanoseconds (u32 LE) after the seconds.
   */
  bytes(draft: ChainDraft, previous: string): Uint8Array {
    const room = 256 + 3 * (draft.source.length + draft.kind.length);
    if (this.#buffer.length < room) this.#buffer = Buffer.alloc(room * 2);
    const buffer = this.#buffer;
    let at = this.#format === 2 ? TAG.copy(buffer, 0) : 0;
    at = writeInt64(buffer, draft.sequence, at);
    at = buffer.writeUInt32LE(this.#chainId, at);
    at += buffer.write(previous, at, 32, 'hex');
    if (this.#format === 1) {
      at += buffer.write(draft.source, at);
      at = buffer.writeUInt8(0, at);
      at += buffer.write(draft.kind, at);
      at = buffer.writeUInt8(0, at);
      at = writeInt64(buffer, draft.seconds, at);
    } else {
      at = writeString(buffer, draft.source, at);
      at = writeString(buffer, draft.kind, at);
      at = writeInt64(buffer, draft.seconds, at);
      at = buffer.writeUInt32LE(draft.nanos, at);
    }
    at += buffer.write(draft.payloadHash, at, 32, 'hex');
    return buffer.subarray(0, at);
  }
}

function writeString(buffer: Buffer, text: string, at: number): number {
  const length = buffer.write(text, at + 4);
  buffer.writeUInt32LE(length, at);
  return at + 4 + length;
}

function writeInt64(buffer: Buffer, value: number, at: number): number {
  const high = Math.floor(value / 0x1_0000_0000);
  buffer.writeUInt32LE(value - high * 0x1_0000_0000, at);
  return buffer.writeInt32LE(high, at + 4);
}
