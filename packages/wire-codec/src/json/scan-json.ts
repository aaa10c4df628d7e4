import { DecodeError } from '../messages/decode-error.ts';
import { IdTrail, type ReadLimits } from '../messages/parsed.ts';
import { doubledName, SeenNames } from '../messages/seen-names.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_OBJECT = 0x7b;
const OPEN_ARRAY = 0x5b;
const CLOSE_OBJECT = 0x7d;
const CLOSE_ARRAY = 0x5d;
const COLON = 0x3a;
const NEAR = 48;
/** Distance behind an error within which the id is still searched, in bytes: a bomb must not cost a scan of all of it. */
const LOOK_ON = 128 * 1024;

/** Bytes that end a number or a word, and white space. */
const DELIMITER = new Uint8Array(256);
for (const byte of [0x20, 0x09, 0x0a, 0x0d, 0x2c, COLON, OPEN_OBJECT, OPEN_ARRAY, CLOSE_OBJECT, CLOSE_ARRAY, QUOTE])
  DELIMITER[byte] = 1;

/** Position after the string whose opening quote is at `at`, or `end` if it is not closed. */
function endOfString(bytes: Buffer, at: number, end: number): number {
  let p = at + 1;
  for (;;) {
    const near = Math.min(p + NEAR, end);
    while (p < near && bytes[p] !== QUOTE && bytes[p] !== BACKSLASH) p++;
    if (p >= end) return end;
    if (bytes[p] === QUOTE) return p + 1;
    if (bytes[p] === BACKSLASH) {
      p += 2;
      continue;
    }
    // long and plain, as base64 is: native code finds the end, unless a backslash comes first
    const quote = bytes.indexOf(QUOTE, p);
    if (quote === -1 || quote >= end) return end;
    const escape = bytes.subarray(p, quote).indexOf(BACKSLASH);
    if (escape === -1) return quote + 1;
    p += escape;
  }
}

function decodeString(bytes: Buffer, from: number, to: number): string | undefined {
  try {
    const text: unknown = JSON.parse(bytes.toString('utf8', from, to));
    return typeof text === 'string' ? text : undefined;
  } catch {
    return undefined;
  }
}

function decodeNumber(text: string): number | bigint | undefined {
  if (!/^(0|[1-9]\d{0,19})$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : BigInt(text);
}

/** Digits from which a whole number may be past 2^53−1. */
const LONG_DIGITS = 16;

/** Tells whether a number has neither fraction nor exponent. */
function isWhole(bytes: Buffer, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (bytes[i] === 0x2e || ((bytes[i] as number) | 0x20) === 0x65) return false;
  return true;
}

/** UTF-8 bytes of the name whose quotes are at `from` and before `to`, one character each, with escapes resolved. */
function nameAt(bytes: Buffer, from: number, to: number): string {
  const plain = bytes.toString('latin1', from + 1, to - 1);
  const text = plain.includes('\\') ? decodeString(bytes, from, to) : undefined;
  return text === undefined ? plain : Buffer.from(text, 'utf8').toString('latin1');
}

/**
 * Scans JSON once without building values: counts depth and values against the limits and finds the id, so that a bomb
 * costs one scan and its error still names the request. A name that an object has twice is an error, in any spelling.
 * `JSON.parse` checks the syntax afterwards.
 */
export function scanJson(
  bytes: Buffer,
  start: number,
  endOfPayload: number,
  limits: ReadLimits,
): { readonly id: unknown; readonly error: DecodeError | undefined; readonly hasLong: boolean } {
  const trail = new IdTrail(limits.idPaths);
  const names = new SeenNames();
  let error: DecodeError | undefined;
  let end = endOfPayload;
  let depth = 0;
  let nodes = 0;
  let bits = 0;
  let hasLong = false;
  let p = start;
  while (p < end) {
    const byte = bytes[p] as number;
    if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
      depth++;
      nodes++;
      trail.enter(bits);
      bits = 0;
      if (error === undefined) names.open(depth);
      if (depth > limits.maxDepth && error === undefined) {
        error = new DecodeError(`more than ${limits.maxDepth} levels are nested`);
        end = Math.min(end, p + LOOK_ON);
      }
      p++;
    } else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) {
      trail.leave(depth);
      depth--;
      p++;
    } else if (byte === QUOTE) {
      const from = p;
      p = endOfString(bytes, p, end);
      let next = p;
      while (
        next < end &&
        DELIMITER[bytes[next] as number] === 1 &&
        bytes[next] !== COLON &&
        bytes[next] !== QUOTE &&
        (bytes[next] as number) <= 0x20
      )
        next++;
      if (bytes[next] === COLON && next < end) {
        const name = nameAt(bytes, from, p);
        bits = trail.follow(depth, (one) => one === name);
        if (error === undefined && names.isDoubled(depth, name)) {
          error = doubledName();
          end = Math.min(end, p + LOOK_ON);
        }
        p = next + 1;
      } else {
        nodes++;
        if (bits !== 0) trail.note(bits, depth, decodeString(bytes, from, p));
        bits = 0;
      }
    } else if (DELIMITER[byte] === 1) {
      p++;
    } else {
      const from = p;
      while (p < end && DELIMITER[bytes[p] as number] === 0) p++;
      nodes++;
      if (p - from >= LONG_DIGITS) hasLong ||= isWhole(bytes, from, p);
      if (bits !== 0 && p - from <= 20) trail.note(bits, depth, decodeNumber(bytes.toString('latin1', from, p)));
      bits = 0;
    }
    if (nodes > limits.maxNodes && error === undefined) {
      error = new DecodeError(`more than ${limits.maxNodes} values`);
      end = Math.min(end, p + LOOK_ON);
    }
    if (error !== undefined && depth <= 1 && bits === 0 && trail.id !== undefined) break;
  }
  return { id: trail.id, error, hasLong };
}
