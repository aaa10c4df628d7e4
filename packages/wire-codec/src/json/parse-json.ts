import { isUtf8 } from 'node:buffer';

import { DecodeError } from '../messages/decode-error.ts';
import type { Parsed, ReadLimits } from '../messages/parsed.ts';
import { parseExact } from './exact-json.ts';
import { scanJson } from './scan-json.ts';
import { isWireObject } from '../messages/wire-object.ts';

/**
 * Reads a JSON payload within limits. Whole numbers past 2^53−1 become bigints; those past 64 bits and bytes that are not
 * UTF-8 are errors.
 */
export function parseJson(bytes: Buffer, start: number, end: number, limits: ReadLimits): Parsed {
  const { id, error, hasLong } = scanJson(bytes, start, end, limits);
  if (error !== undefined) return { value: undefined, id, error };
  if (!isUtf8(bytes.subarray(start, end)))
    return { value: undefined, id, error: new DecodeError('the payload is not UTF-8') };
  let value: unknown;
  try {
    const text = bytes.toString('utf8', start, end);
    value = hasLong ? parseExact(text) : JSON.parse(text);
  } catch (thrown) {
    if (thrown instanceof DecodeError) return { value: undefined, id, error: thrown };
    // the parser's own message quotes the payload
    return { value: undefined, id, error: new DecodeError('the payload is not JSON') };
  }
  // JSON.parse has rounded an id past 2^53−1; the scan has the exact one
  const [name] = limits.idPaths[0] ?? [];
  if (typeof id === 'bigint' && name !== undefined && isWireObject(value)) value = { ...value, [name]: id };
  return { value, id, error: undefined };
}
