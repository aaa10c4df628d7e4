const UNRESERVED = /^[\w.~-]$/;
/**
 * A `.` or `..` segment, an empty one (also with parameters alone, `/;x/`), an escaped `/`, `\` or NUL, or a `\`: servers differ in
 * which resource such a path names.
 */
const AMBIGUOUS = /(?:\/|%2f)(?:\.|%2e){1,2}(?:\/|;|$)|\/(?:;[^/]*)?\/|%2f|%5c|\\|%00/i;

/** Returns whether servers differ in which resource a path names, so that a decision by path could be bypassed with it. */
export function isAmbiguousPath(sent: string): boolean {
  return AMBIGUOUS.test(sent);
}

/**
 * Returns a path without escapes of letters, digits and `-._~`, its other escapes in upper case, and without the parameters (`;…`) of
 * its segments.
 */
export function plainPath(sent: string): string {
  let plain = sent;
  if (plain.includes(';')) plain = plain.replaceAll(/;[^/]*/g, '');
  if (plain.includes('%'))
    plain = plain.replaceAll(/%([0-9a-f]{2})/gi, (escape, hex: string) => {
      const character = String.fromCodePoint(Number.parseInt(hex, 16));
      return UNRESERVED.test(character) ? character : escape.toUpperCase();
    });
  return plain;
}
