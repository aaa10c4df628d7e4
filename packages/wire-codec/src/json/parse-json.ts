import { isUtf8 } from 'node:buffer';

import { Fault } from '../messages/fault.ts';
import { isWireObject } from '../messages/kind.ts';
import type { Parsed, ReadLimits } from '../messages/parsed.ts';
import { scanJson } from './scan-json.ts';

/** Reads a JSON payload within limits. Bytes that are not UTF-8 are a fault, never a replacement character. */
export function parseJson(bytes: Buffer, start: number, end: number, limits: ReadLimits): Parsed {
  const { id, fault } = scanJson(bytes, start, end, limits);
  if (fault !== undefined) return { value: undefined, id, fault };
  if (!isUtf8(bytes.subarray(start, end)))
    return { value: undefined, id, fault: new Fault('the payload is not UTF-8') };
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8', start, end));
  } catch {
    // The parser's own message quotes the payload.
    return { value: undefined, id, fault: new Fault('the payload is not JSON') };
  }
  // JSON.parse has rounded an id past 2^53−1; the walk has kept it.
  const [name] = limits.idPaths[0] ?? [];
  if (typeof id === 'bigint' && name !== undefined && isWireObject(value)) value = { ...value, [name]: id };
  return { value, id, fault: undefined };
}
