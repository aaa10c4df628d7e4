import { AgentwireError } from '@agentwire/core';
import { WireFloat } from '../messages/wire-object.ts';

const MAX_DEPTH = 64;
const TWO_32 = 0x1_0000_0000;

/** Converts a value as JSON does: calls `toJSON`. */
function plain(value: unknown): unknown {
  if (
    typeof value === 'object' &&
    value !== null &&
    'toJSON' in value &&
    typeof value.toJSON === 'function' &&
    !(value instanceof Uint8Array)
  ) {
    return (value.toJSON as () => unknown)();
  }
  return value;
}

const isSilent = (value: unknown): boolean =>
  value === undefined || typeof value === 'function' || typeof value === 'symbol';

function checkDepth(depth: number): void {
  if (depth > MAX_DEPTH) {
    throw new AgentwireError(
      'ERR_INVALID_ARGUMENT',
      `the message nests more than ${MAX_DEPTH} levels, or contains itself`,
    );
  }
}

const containerHead = (count: number): number => (count < 16 ? 1 : count < 0x1_0000 ? 3 : 5);

function integerSize(value: number): number {
  if (value >= 0) return value < 0x80 ? 1 : value < 0x100 ? 2 : value < 0x1_0000 ? 3 : value < TWO_32 ? 5 : 9;
  return value >= -0x20 ? 1 : value >= -0x80 ? 2 : value >= -0x8000 ? 3 : value >= -0x8000_0000 ? 5 : 9;
}

const isInteger = (value: number): boolean => Number.isSafeInteger(value) && !Object.is(value, -0);

function textSize(value: string): number {
  const length = Buffer.byteLength(value);
  return length + (length < 32 ? 1 : length < 0x100 ? 2 : length < 0x1_0000 ? 3 : 5);
}

/** Exact length of `value` as MessagePack. @throws AgentwireError `ERR_INVALID_ARGUMENT` when it nests too deep or contains itself. */
export function msgpackSize(value: unknown, depth = 0): number {
  checkDepth(depth);
  const one = plain(value);
  if (typeof one === 'string') return textSize(one);
  if (typeof one === 'number') return isInteger(one) ? integerSize(one) : Number.isFinite(one) ? 9 : 1;
  if (typeof one === 'bigint') {
    checkBigInt(one);
    return 9;
  }
  if (typeof one !== 'object' || one === null) return 1;
  if (one instanceof WireFloat) return 1 + one.bits / 8;
  if (one instanceof Uint8Array) return one.length + (one.length < 0x100 ? 2 : one.length < 0x1_0000 ? 3 : 5);
  if (Array.isArray(one))
    return one.reduce<number>((sum, item) => sum + msgpackSize(item, depth + 1), containerHead(one.length));
  let size = 0;
  let count = 0;
  for (const [name, item] of Object.entries(one)) {
    if (isSilent(item)) continue;
    count++;
    size += textSize(name) + msgpackSize(item, depth + 1);
  }
  return size + containerHead(count);
}

function head(target: Buffer, at: number, count: number, fix: number, wide: number): number {
  if (count < 16) return target.writeUInt8(fix | count, at);
  target.writeUInt8(count < 0x1_0000 ? wide : wide + 1, at);
  return count < 0x1_0000 ? target.writeUInt16BE(count, at + 1) : target.writeUInt32BE(count, at + 1);
}

function sized(target: Buffer, at: number, length: number, first: number): number {
  const width = length < 0x100 ? 0 : length < 0x1_0000 ? 1 : 2;
  target.writeUInt8(first + width, at);
  if (width === 0) return target.writeUInt8(length, at + 1);
  return width === 1 ? target.writeUInt16BE(length, at + 1) : target.writeUInt32BE(length, at + 1);
}

function putText(target: Buffer, at: number, value: string): number {
  const length = Buffer.byteLength(value);
  const from = length < 32 ? target.writeUInt8(0xa0 | length, at) : sized(target, at, length, 0xd9);
  return from + target.write(value, from, 'utf8');
}

function putNegative(target: Buffer, at: number, value: number): number {
  if (value >= -0x20) return target.writeInt8(value, at);
  const tag = value >= -0x80 ? 0xd0 : value >= -0x8000 ? 0xd1 : value >= -0x8000_0000 ? 0xd2 : 0xd3;
  target.writeUInt8(tag, at);
  if (tag === 0xd0) return target.writeInt8(value, at + 1);
  if (tag === 0xd1) return target.writeInt16BE(value, at + 1);
  return tag === 0xd2 ? target.writeInt32BE(value, at + 1) : target.writeBigInt64BE(BigInt(value), at + 1);
}

function putNumber(target: Buffer, at: number, value: number): number {
  if (!isInteger(value)) {
    if (!Number.isFinite(value)) return target.writeUInt8(0xc0, at);
    target.writeUInt8(0xcb, at);
    return target.writeDoubleBE(value, at + 1);
  }
  if (value < 0) return putNegative(target, at, value);
  if (value < 0x80) return target.writeUInt8(value, at);
  const tag = value < 0x100 ? 0xcc : value < 0x1_0000 ? 0xcd : value < TWO_32 ? 0xce : 0xcf;
  target.writeUInt8(tag, at);
  if (tag === 0xcc) return target.writeUInt8(value, at + 1);
  if (tag === 0xcd) return target.writeUInt16BE(value, at + 1);
  return tag === 0xce ? target.writeUInt32BE(value, at + 1) : target.writeBigUInt64BE(BigInt(value), at + 1);
}

function checkBigInt(value: bigint): void {
  if (BigInt.asUintN(64, value) === value || BigInt.asIntN(64, value) === value) return;
  throw new AgentwireError('ERR_INVALID_ARGUMENT', 'the message holds a bigint that takes more than 64 bits');
}

function putBigInt(target: Buffer, at: number, value: bigint): number {
  target.writeUInt8(value < 0n ? 0xd3 : 0xcf, at);
  return value < 0n ? target.writeBigInt64BE(value, at + 1) : target.writeBigUInt64BE(value, at + 1);
}

function putBytes(target: Buffer, at: number, value: Uint8Array): number {
  const from = sized(target, at, value.length, 0xc4);
  target.set(value, from);
  return from + value.length;
}

function putFloat(target: Buffer, at: number, value: WireFloat): number {
  target.writeUInt8(value.bits === 32 ? 0xca : 0xcb, at);
  return value.bits === 32 ? target.writeFloatBE(value.value, at + 1) : target.writeDoubleBE(value.value, at + 1);
}

/**
 * Writes `value` as MessagePack from `at`; {@link msgpackSize} gives its length. Whole numbers are integers
 * whatever their size, heads are as short as they can be, half surrogate pairs become U+FFFD.
 *
 * @returns the byte after the last
 */
export function putMsgpack(target: Buffer, at: number, value: unknown): number {
  const one = plain(value);
  if (typeof one === 'string') return putText(target, at, one);
  if (typeof one === 'number') return putNumber(target, at, one);
  if (typeof one === 'bigint') return putBigInt(target, at, one);
  if (typeof one === 'boolean') return target.writeUInt8(one ? 0xc3 : 0xc2, at);
  if (typeof one !== 'object' || one === null) return target.writeUInt8(0xc0, at);
  if (one instanceof WireFloat) return putFloat(target, at, one);
  if (one instanceof Uint8Array) return putBytes(target, at, one);
  if (Array.isArray(one))
    return one.reduce<number>((end, item) => putMsgpack(target, end, item), head(target, at, one.length, 0x90, 0xdc));
  const entries = Object.entries(one).filter(([, item]) => !isSilent(item));
  let end = head(target, at, entries.length, 0x80, 0xde);
  for (const [name, item] of entries) end = putMsgpack(target, putText(target, end, name), item);
  return end;
}
