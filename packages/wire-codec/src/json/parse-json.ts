import { isUtf8 } from 'node:buffer';

import { Fault } from '../messages/fault.ts';
import { isWireObject } from '../messages/kind.ts';
import type { Parsed, ReadLimits } from '../messages/parsed.ts';
import { parseExact } from './exact-json.ts';
import { scanJson } from './scan-json.ts';

/** Reads a JSON payload within limits. Whole numbers past 2^53−1 are bigints, and past 64 bits a fault. Bytes that are not UTF-8 are a fault, never a replacement character. */
export function parseJson(bytes: Buffer, start: number, end: number, limits: ReadLimits): Parsed {
  const { id, fault, hasLong } = scanJson(bytes, start, end, limits);
  if (fault !== undefined) return { value: undefined, id, fault };
  if (!isUtf8(bytes.subarray(start, end)))
    return { value: undefined, id, fault: new Fault('the payload is not UTF-8') };
  let value: unknown;
  try {
    const text = bytes.toString('utf8', start, end);
    value = hasLong ? parseExact(text) : JSON.parse(text);
  } catch (error) {
    if (error instanceof Fault) return { value: undefined, id, fault: error };
    // The parser's own message quotes the payload.
    return { value: undefined, id, fault: new Fault('the payload is not JSON') };
  }
  // JSON.parse has rounded an id past 2^53−1; the walk has kept it.
  const [name] = limits.idPaths[0] ?? [];
  if (typeof id === 'bigint' && name !== undefined && isWireObject(value)) value = { ...value, [name]: id };
  return { value, id, fault: undefined };
}
