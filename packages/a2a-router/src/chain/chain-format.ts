import type { ChainEvent } from './chain-event.ts';
import { shake256 } from './chain-hash.ts';

/** The parts of an entry that its hash covers. */
export type ChainDraft = Omit<ChainEvent, 'hash'>;

/** Hash of no payload in format 1: 32 zero bytes. */
const NO_PAYLOAD = '0'.repeat(64);

const TAG = Buffer.from('agentwire-chain/2\0', 'latin1');

/** SHAKE-256, in hex, of a payload's canonical JSON, as format 1 puts it into an entry; 64 zeros for none. */
export function payloadHash(payload: string | undefined): string {
  return payload === undefined ? NO_PAYLOAD : shake256(payload);
}

/**
 * Writes the bytes that an entry's hash covers; the buffer is used again by the next call.
 *
 * Format 1: sequence (u64 LE), chain id (u32 LE), previous hash, source, 0, kind, 0, seconds (i64 LE), payload hash.
 * Format 2: a version tag, sequence (u64 LE), chain id (u32 LE), previous hash, seconds (i64 LE), nanoseconds (u32 LE),
 * then source, kind and payload, each after its length in bytes (u32 LE); a payload that is missing has length 0.
 */
export class EntryWriter {
  readonly #format: 1 | 2;
  readonly #chainId: number;
  readonly #start: number;
  #buffer: Buffer;
  /** Beginnings of the buffer by their length: one costs an eighth of a hash to make, and the lengths of entries come again. */
  #views: Uint8Array[] = [];

  /** `prefix` stays before the bytes of every entry. */
  constructor(format: 1 | 2, chainId: number, prefix: Uint8Array) {
    this.#format = format;
    this.#chainId = chainId;
    this.#buffer = Buffer.alloc(4096);
    this.#buffer.set(prefix);
    this.#start = prefix.length;
    if (format === 2) this.#start += TAG.copy(this.#buffer, this.#start);
  }

  /** The bytes of one entry, after the prefix. */
  bytes(draft: ChainDraft, previous: string): Uint8Array {
    const text = draft.source.length + draft.kind.length + (draft.payload?.length ?? 0);
    if (this.#start + 128 + 3 * text > this.#buffer.length) this.#grow(this.#start + 128 + 6 * text);
    const buffer = this.#buffer;
    let at = writeInt64(buffer, draft.sequence, this.#start);
    at = writeInt32(buffer, this.#chainId, at);
    at = writeHash(buffer, previous, at);
    if (this.#format === 1) {
      at += buffer.write(draft.source, at);
      at = buffer.writeUInt8(0, at);
      at += buffer.write(draft.kind, at);
      at = buffer.writeUInt8(0, at);
      at = writeInt64(buffer, draft.seconds, at);
      at += buffer.write(payloadHash(draft.payload), at, 32, 'hex');
    } else {
      at = writeInt64(buffer, draft.seconds, at);
      at = writeInt32(buffer, draft.nanos, at);
      at = writeString(buffer, draft.source, at);
      at = writeString(buffer, draft.kind, at);
      at = writeString(buffer, draft.payload ?? '', at);
    }
    return at < KEPT_VIEWS ? (this.#views[at] ??= buffer.subarray(0, at)) : buffer.subarray(0, at);
  }

  #grow(size: number): void {
    const buffer = Buffer.alloc(size);
    this.#buffer.copy(buffer, 0, 0, this.#start);
    this.#buffer = buffer;
    this.#views = [];
  }
}

/** Bytes up to which views are kept. */
const KEPT_VIEWS = 4096;

const SHORT = 32;

function writeString(buffer: Buffer, text: string, at: number): number {
  const length = text.length <= SHORT ? writeShort(buffer, text, at + 4) : buffer.write(text, at + 4);
  writeInt32(buffer, length, at);
  return at + 4 + length;
}

/** Names of a few letters are written faster by hand than by a call into C++. */
function writeShort(buffer: Buffer, text: string, start: number): number {
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code > 0x7f) return buffer.write(text, start);
    buffer[start + at] = code;
  }
  return text.length;
}

const DIGITS = Uint8Array.from({ length: 128 }, (_, code) => {
  const digit = Number.parseInt(String.fromCharCode(code), 16);
  return Number.isNaN(digit) ? 0 : digit;
});

/** Writes 64 hex digits as 32 bytes; a loop is faster than a call into C++. */
function writeHash(buffer: Buffer, hex: string, start: number): number {
  for (let at = 0; at < 32; at += 1) {
    const high = DIGITS[hex.charCodeAt(2 * at) & 127] ?? 0;
    const low = DIGITS[hex.charCodeAt(2 * at + 1) & 127] ?? 0;
    buffer[start + at] = high * 16 + low;
  }
  return start + 32;
}

function writeInt64(buffer: Buffer, value: number, at: number): number {
  const high = Math.floor(value / 0x1_0000_0000);
  return writeInt32(buffer, high, writeInt32(buffer, value - high * 0x1_0000_0000, at));
}

/** Writes the low 32 bits, little-endian; four stores are faster than `writeUInt32LE` with its checks. */
function writeInt32(buffer: Buffer, value: number, at: number): number {
  buffer[at] = value;
  buffer[at + 1] = value >>> 8;
  buffer[at + 2] = value >>> 16;
  buffer[at + 3] = value >>> 24;
  return at + 4;
}
