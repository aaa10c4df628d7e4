import { internHeaderName } from '@agentwire/headers';

const SLOTS = 1024;
const names: string[] = Array.from({ length: SLOTS }, () => '');

/**
 * Gives the one shared string for a header name that stands in `bytes[from, to)` and is known to be a token; keeps its
 * case. Direct-mapped, so that it never grows: a name that shares a place with another only costs a new string.
 */
export function sharedName(
  bytes: Uint8Array,
  from: number,
  to: number,
  make: (from: number, to: number) => string,
): string {
  const length = to - from;
  const slot =
    (length * 37 +
      (bytes[from] as number) * 5 +
      (bytes[to - 1] as number) * 3 +
      (bytes[from + (length >> 1)] as number) * 11) &
    (SLOTS - 1);
  const known = names[slot] as string;
  if (known.length === length) {
    let i = 0;
    while (i < length && known.charCodeAt(i) === bytes[from + i]) i++;
    if (i === length) return known;
  }
  const made = make(from, to);
  const lower = internHeaderName(made);
  return (names[slot] = lower === made ? lower : made);
}

/** Most names of a map that {@link isNewName} looks through. */
const MAX_NAMES = 64;

/**
 * Whether `name` may come next behind the names in `list`, which holds names and values in turn. Objects keep the last
 * of two that are alike and put numbers first, so a map with such names, or with very many, is for the reference.
 */
export function isNewName(name: string, list: readonly string[]): boolean {
  const first = name.charCodeAt(0);
  if (list.length > 2 * MAX_NAMES || (first >= 0x30 && first <= 0x39)) return false;
  for (let i = 0; i < list.length; i += 2) if (list[i] === name) return false;
  return true;
}
