import { AgentwireError } from '@agentwire/core';

/**
 * Makes a uint64 field of a count or a time; fractions are cut, since the field holds whole numbers only.
 *
 * @throws AgentwireError `ERR_INVALID_ARGUMENT`
 */
export function toUint64(name: string, value: number): bigint {
  const whole = Math.trunc(value);
  if (Number.isSafeInteger(whole) && whole >= 0) return BigInt(whole);
  throw new AgentwireError(
    'ERR_INVALID_ARGUMENT',
    `${name} must be from 0 to ${Number.MAX_SAFE_INTEGER}, got ${value}`,
  );
}

/** Makes an optional uint64 field. */
export function toOptionalUint64(name: string, value: number | undefined): bigint | undefined {
  return value === undefined ? undefined : toUint64(name, value);
}

/** Makes a uint32 field; fractions are cut. @throws AgentwireError `ERR_INVALID_ARGUMENT` */
export function toUint32(name: string, value: number): number {
  const whole = Math.trunc(value);
  if (whole >= 0 && whole <= 0xffff_ffff) return whole;
  throw new AgentwireError('ERR_INVALID_ARGUMENT', `${name} must be from 0 to 4294967295, got ${value}`);
}

/** Reads a uint64 field. @throws AgentwireError `ERR_PROTOCOL` where a number would round it. */
export function fromUint64(name: string, value: bigint): number {
  if (value <= 9_007_199_254_740_991n) return Number(value);
  throw new AgentwireError('ERR_PROTOCOL', `${name} is ${value}, more than 2^53-1`);
}

/** Reads an optional uint64 field. */
export function fromOptionalUint64(name: string, value: bigint | undefined): number | undefined {
  return value === undefined ? undefined : fromUint64(name, value);
}

/** Reads an HTTP status. @throws AgentwireError `ERR_PROTOCOL` outside 100 to 999. */
export function fromStatus(name: string, value: number): number {
  if (value >= 100 && value <= 999) return value;
  throw new AgentwireError('ERR_PROTOCOL', `${name} must be an HTTP status from 100 to 999, got ${value}`);
}
