/** Characters of a `traceparent` of version 00, which has no more parts. */
const LENGTH = 55;
/** Versions to come may add parts; a longer text is none of them. */
const MAX_LENGTH = 512;
const DASH = 0x2d;

/** Reads lower-case hexadecimal digits. @returns 0 where all are zero, above 0 where one is not, below 0 where one is no digit */
function readHex(text: string, from: number, to: number): number {
  let digits = 0;
  for (let at = from; at < to; at++) {
    const code = text.charCodeAt(at);
    if (code >= 0x30 && code <= 0x39) digits |= code - 0x30;
    else if (code >= 0x61 && code <= 0x66) digits |= code - 0x57;
    else return -1;
  }
  return digits;
}

/** Returns whether a text begins with a version, a trace id, a span id and flags. */
function isTraceparent(text: string): boolean {
  return (
    text.charCodeAt(2) === DASH &&
    text.charCodeAt(35) === DASH &&
    text.charCodeAt(52) === DASH &&
    (text.length === LENGTH || text.charCodeAt(LENGTH) === DASH) &&
    readHex(text, 0, 2) >= 0 &&
    !text.startsWith('ff') &&
    readHex(text, 3, 35) > 0 &&
    readHex(text, 36, 52) > 0 &&
    readHex(text, 53, LENGTH) >= 0
  );
}

/**
 * Reads a W3C `traceparent`; `undefined` for anything else, for which a receiver begins a trace of its own.
 *
 * One of a later version is read as far as version 00 goes and becomes one of version 00, with the sampled flag alone.
 */
export function readTraceparent(value: unknown): string | undefined {
  if (typeof value !== 'string' || value.length < LENGTH || value.length > MAX_LENGTH || !isTraceparent(value))
    return undefined;
  if (value.startsWith('00')) return value.length === LENGTH ? value : undefined;
  const sampled = Number.parseInt(value.slice(LENGTH - 1, LENGTH), 16) & 1;
  return `00${value.slice(2, LENGTH - 2)}0${sampled}`;
}
