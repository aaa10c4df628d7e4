import { internHeaderName } from '@agentwire/headers';

const SLOTS = 1024;
/** Longest name that is kept, in 32-bit words. */
const MAX_WORDS = 16;

const names: string[] = Array.from({ length: SLOTS }, () => '');
/** The bytes of each name, as 32-bit words: comparing those is several times quicker than comparing characters. */
const words: Int32Array = new Int32Array(SLOTS * MAX_WORDS);
/** The last four bytes of each name, which overlap its last whole word; all of it where it is shorter. */
const ends: Int32Array = new Int32Array(SLOTS);

function endOf(view: DataView, from: number, to: number): number {
  if (to - from >= 4) return view.getInt32(to - 4);
  let end = 0;
  for (let p = from; p < to; p++) end = (end << 8) | view.getUint8(p);
  return end;
}

function isKept(slot: number, view: DataView, from: number, to: number): boolean {
  let word = slot * MAX_WORDS;
  for (let p = from; p + 4 <= to; p += 4, word++) if (view.getInt32(p) !== words[word]) return false;
  return ends[slot] === endOf(view, from, to);
}

function keep(slot: number, name: string, view: DataView, from: number, to: number): void {
  let word = slot * MAX_WORDS;
  for (let p = from; p + 4 <= to; p += 4, word++) words[word] = view.getInt32(p);
  ends[slot] = endOf(view, from, to);
  names[slot] = name;
}

/**
 * Gives the one shared string for a header name that stands in `view[from, to)` and is known to be a token, or is one that
 * `make` checks; keeps its case. Direct-mapped, so that it never grows: a name that shares a place with another only costs
 * a new string, and so does a long one.
 */
export function sharedName(
  view: DataView,
  from: number,
  to: number,
  make: (from: number, to: number) => string,
): string {
  const length = to - from;
  const slot =
    (length * 37 + view.getUint8(from) * 5 + view.getUint8(to - 1) * 3 + view.getUint8(from + (length >> 1)) * 11) &
    (SLOTS - 1);
  const known = names[slot] as string;
  if (known.length === length && isKept(slot, view, from, to)) return known;
  const made = make(from, to);
  const lower = internHeaderName(made);
  const name = lower === made ? lower : made;
  if (name.length === length && length <= MAX_WORDS * 4) keep(slot, name, view, from, to);
  return name;
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
