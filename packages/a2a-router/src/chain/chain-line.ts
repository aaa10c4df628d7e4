import { AgentwireError } from '@agentwire/core';
import type { JsonValue } from '../message/payload.ts';
import { canonicalJson } from './canonical-json.ts';
import type { ChainEvent } from './chain-event.ts';

/** Bytes that one line of a chain file has at most. */
export const MAX_LINE_BYTES: number = 1024 * 1024;

/** An entry as a line of the file says it, before it is checked against the chain. */
export type ChainLine = Omit<ChainEvent, 'payloadHash'>;

/** Writes an entry as one line of JSON, without the line feed. */
export function writeChainLine(event: ChainLine): string {
  const payload = event.payload === undefined ? '' : `,"payload":${event.payload}`;
  const nanos = String(event.nanos).padStart(9, '0');
  return `{"seq":${event.sequence},"source":${JSON.stringify(event.source)},"kind":${JSON.stringify(event.kind)},"time":"${event.seconds}.${nanos}"${payload},"hash":"${event.hash}"}`;
}

/**
 * Reads a line, and only the one way in which {@link writeChainLine} writes it.
 *
 * Throws `ERR_INTEGRITY` for everything else: other spacing, other escapes, other key order, unknown keys.
 */
export function readChainLine(line: string): ChainLine {
  let json: Partial<Record<string, JsonValue>>;
  try {
    json = JSON.parse(line) as typeof json;
  } catch (error) {
    throw new AgentwireError('ERR_INTEGRITY', 'the line is no JSON', { cause: error });
  }
  const { seq, source, kind, time, payload, hash } = json;
  const [seconds, nanos] = typeof time === 'string' ? time.split('.').map(Number) : [];
  if (
    typeof seq !== 'number' ||
    typeof source !== 'string' ||
    typeof kind !== 'string' ||
    seconds === undefined ||
    nanos === undefined ||
    typeof hash !== 'string' ||
    !/^[0-9a-f]{64}$/.test(hash)
  ) {
    throw new AgentwireError('ERR_INTEGRITY', 'the line is no entry of a chain');
  }
  const canonical = payload === undefined ? undefined : canonicalJson(payload);
  const entry: ChainLine = { sequence: seq, source, kind, seconds, nanos, payload: canonical, hash };
  if (writeChainLine(entry) !== line)
    throw new AgentwireError('ERR_INTEGRITY', 'the line is not written as entries are');
  return entry;
}
