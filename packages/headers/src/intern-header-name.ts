import * as names from './names.ts';

// no two known names share length and last letter, and this factor keeps their slots apart.
const SLOTS = 128;
const slotOf = (length: number, last: number): number => (length + (last | 0x20) * 25) & (SLOTS - 1);

const table: string[] = Array.from({ length: SLOTS }, () => '');
/** The same names as most clients spell them, since engines compare whole strings fastest. */
const titled: string[] = table.slice();
for (const name of Object.values(names)) {
  const slot = slotOf(name.length, name.charCodeAt(name.length - 1));
  table[slot] = name;
  titled[slot] = name.replaceAll(/\b[a-z]/g, (letter) => letter.toUpperCase());
}

/** Tells whether `code` is `lower` or its upper-case letter; `lower` is never an upper-case letter itself. */
const sameLetter = (code: number, lower: number): boolean =>
  code === lower || (code + 0x20 === lower && code >= 0x41 && code <= 0x5a);

/**
 * Tells whether `name` is `lower` in any ASCII case, without allocating.
 *
 * `lower` must hold no upper-case letters. Letters outside ASCII equal only themselves.
 */
export function equalsHeaderName(name: string, lower: string): boolean {
  if (name.length !== lower.length) return false;
  if (name === lower) return true;
  for (let i = 0; i < lower.length; i++) {
    if (!sameLetter(name.charCodeAt(i), lower.charCodeAt(i))) return false;
  }
  return true;
}

const isWordCode = (code: number): boolean =>
  (code >= 0x61 && code <= 0x7a) || (code >= 0x30 && code <= 0x39) || (code >= 0x41 && code <= 0x5a);

/**
 * Tells whether an upstream could read `name` as `lower`: equal in any case, all characters except
 * letters and digits taken as one.
 *
 * CGI, WSGI, Rack and PHP keep headers as variables, where `X_User`, `x-user` and `x.user` are one name.
 */
export function isHeaderTwin(name: string, lower: string): boolean {
  if (name.length !== lower.length) return false;
  if (name === lower) return true;
  for (let i = 0; i < lower.length; i++) {
    const code = name.charCodeAt(i);
    const wanted = lower.charCodeAt(i);
    if (!sameLetter(code, wanted) && (isWordCode(code) || isWordCode(wanted))) return false;
  }
  return true;
}

/** Lower-cases ASCII only: the Kelvin sign must not turn into the `k` of `cookie`. */
function toLowerAscii(name: string): string {
  for (let i = 0; i < name.length; i++) {
    if (name.charCodeAt(i) > 0x7f) return name.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase());
  }
  return name.toLowerCase();
}

function internText(name: string): string {
  const { length } = name;
  if (length === 0) return '';
  const slot = slotOf(length, name.charCodeAt(length - 1));
  const known = table[slot] as string;
  if (name === (name.charCodeAt(0) < 0x61 ? titled[slot] : known)) return known;
  return equalsHeaderName(name, known) ? known : toLowerAscii(name);
}

/**
 * Returns the shared lower-case string of the name in `bytes[start, end)`.
 *
 * A known name allocates nothing. Others are decoded as latin1, as Node does, and not checked.
 *
 * @param start first byte, default 0
 * @param end byte after the last, default `bytes.length`
 */
export function internHeaderBytes(bytes: Uint8Array, start = 0, end: number = bytes.length): string {
  const length = end - start;
  if (length <= 0) return '';
  const known = table[slotOf(length, bytes[end - 1] as number)] as string;
  if (known.length === length) {
    let i = 0;
    while (i < length && sameLetter(bytes[start + i] as number, known.charCodeAt(i))) i++;
    if (i === length) return known;
  }
  return toLowerAscii(Buffer.from(bytes.buffer, bytes.byteOffset + start, length).toString('latin1'));
}

/**
 * Returns the shared lower-case string of a header name in any case (Agent Protocol v2, "Header Name Interning").
 *
 * One of the 32 known names costs no allocation. Any other name is lower-cased (ASCII letters only), which allocates
 * unless it is lower-case already. Nothing is checked: see `checkHeaderName`.
 */
export function internHeaderName(name: string | Uint8Array): string {
  return typeof name === 'string' ? internText(name) : internHeaderBytes(name);
}
