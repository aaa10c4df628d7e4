import { AgentwireError } from '@agentwire/core';
import type { JsonValue } from '../message/payload.ts';
import type { ChainEvent } from './chain-event.ts';

/** Bytes that one line of a chain file has at most. */
export const MAX_LINE_BYTES: number = 1024 * 1024;

/** Writes an entry as one line of JSON, without the line feed. */
export function writeChainLine(event: ChainEvent): string {
  const payload = event.payload === undefined ? '' : PAYLOAD + event.payload;
  return writeStart(event) + payload + writeEnd(event.hash);
}

const PAYLOAD = ',"payload":';

function writeStart({ sequence, source, kind, seconds, nanos }: Omit<ChainEvent, 'payload' | 'hash'>): string {
  // a one before the nanoseconds keeps their leading zeros; it is cheaper than padding.
  const fraction = String(1_000_000_000 + nanos).slice(1);
  return `{"seq":${sequence},"source":${quoted(source)},"kind":${quoted(kind)},"time":"${seconds}.${fraction}"`;
}

function writeEnd(hash: string): string {
  return `,"hash":"${hash}"}`;
}

const QUOTED_AT_MOST = 256;
const alreadyQuoted = new Map<string, string>();

/** Sources and kinds are few and come again and again. */
function quoted(name: string): string {
  let text = alreadyQuoted.get(name);
  if (text === undefined) {
    text = JSON.stringify(name);
    if (alreadyQuoted.size < QUOTED_AT_MOST) alreadyQuoted.set(name, text);
  }
  return text;
}

/**
 * Reads a line, and only the one way in which {@link writeChainLine} writes it.
 *
 * Throws `ERR_INTEGRITY` for everything else: other spacing, other escapes, other key order, unknown keys. The payload is
 * taken as it stands, because its hash covers every byte of it.
 */
export function readChainLine(line: string): ChainEvent {
  let json: Partial<Record<string, JsonValue>> | null;
  try {
    json = JSON.parse(line) as typeof json;
  } catch (error) {
    throw new AgentwireError('ERR_INTEGRITY', 'the line is no JSON', { cause: error });
  }
  const { seq, source, kind, time, hash } = json ?? {};
  const [seconds, nanos] = typeof time === 'string' ? time.split('.').map(Number) : [];
  if (
    typeof seq !== 'number' ||
    !Number.isSafeInteger(seq) ||
    typeof source !== 'string' ||
    typeof kind !== 'string' ||
    // UTF-8 has no lone surrogates: two of them would have one hash.
    !source.isWellFormed() ||
    !kind.isWellFormed() ||
    !Number.isSafeInteger(seconds) ||
    seconds === undefined ||
    nanos === undefined ||
    !(Number.isInteger(nanos) && nanos >= 0 && nanos < 1e9) ||
    typeof hash !== 'string' ||
    !/^[0-9a-f]{64}$/.test(hash)
  ) {
    throw new AgentwireError('ERR_INTEGRITY', 'the line is no entry of a chain');
  }
  const start = writeStart({ sequence: seq, source, kind, seconds, nanos });
  const end = writeEnd(hash);
  const payload = line.slice(start.length, line.length - end.length);
  const whole = payload === '' || payload.startsWith(PAYLOAD);
  if (!whole || !line.startsWith(start) || !line.endsWith(end) || line.length < start.length + end.length) {
    throw new AgentwireError('ERR_INTEGRITY', 'the line is not written as entries are');
  }
  return {
    sequence: seq,
    source,
    kind,
    seconds,
    nanos,
    payload: payload === '' ? undefined : payload.slice(PAYLOAD.length),
    hash,
  };
}
