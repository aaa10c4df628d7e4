import { internHeaderName } from '@agentwire/headers';

const SLOTS = 1024;
/** Longest string that is kept, in 32-bit words. */
const MAX_WORDS = 16;

/** Last four bytes as a number, or all of them where there are fewer. */
function endOf(view: DataView, from: number, to: number): number {
  if (to - from >= 4) return view.getInt32(to - 4);
  let end = 0;
  for (let p = from; p < to; p++) end = (end << 8) | view.getUint8(p);
  return end;
}

/**
 * Shares strings of up to 64 bytes that come again, by their bytes. Direct-mapped, so that it never grows: a string that
 * collides with another is made anew, and so is a long one.
 */
export class StringTable {
  readonly #strings: string[] = Array.from({ length: SLOTS }, () => '');
  /** Bytes of each string as 32-bit words, which compare several times faster than characters. */
  readonly #words = new Int32Array(SLOTS * MAX_WORDS);
  /** Last four bytes of each string, which overlap its last whole word; the whole string where it is shorter. */
  readonly #ends = new Int32Array(SLOTS);

  /** The string of the bytes `view[from, to)`, at least one; `make` makes and checks a new one. */
  share(view: DataView, from: number, to: number, make: (from: number, to: number) => string): string {
    const length = to - from;
    const slot =
      (length * 37 + view.getUint8(from) * 5 + view.getUint8(to - 1) * 3 + view.getUint8(from + (length >> 1)) * 11) &
      (SLOTS - 1);
    const known = this.#strings[slot] as string;
    if (known.length === length) {
      // in one loop without a call: this runs for each name and short text of a message
      const words = this.#words;
      let word = slot * MAX_WORDS;
      let at = from;
      while (at + 4 <= to && view.getInt32(at) === words[word]) {
        at += 4;
        word += 1;
      }
      if (at + 4 > to && this.#ends[slot] === (length >= 4 ? view.getInt32(to - 4) : endOf(view, from, to)))
        return known;
    }
    const made = make(from, to);
    if (made.length === length && length <= MAX_WORDS * 4) this.#keep(slot, made, view, from, to);
    return made;
  }

  #keep(slot: number, string: string, view: DataView, from: number, to: number): void {
    let word = slot * MAX_WORDS;
    for (let p = from; p + 4 <= to; p += 4, word++) this.#words[word] = view.getInt32(p);
    this.#ends[slot] = endOf(view, from, to);
    this.#strings[slot] = string;
  }
}

/** Header names, which repeat in most messages. */
export const NAMES: StringTable = new StringTable();
/**
 * Short texts of decisions, which repeat while an agent decides alike: 100 to 250 ns less per answer with a header operation
 * and a tag (`pnpm bench` of this package, row "answer, frozen").
 */
export const WORDS: StringTable = new StringTable();

/** The one shared string of a well-known lower-case name, or `name`. */
export function knownName(name: string): string {
  const lower = internHeaderName(name);
  return lower === name ? lower : name;
}

/** Most names of a map that {@link isNewName} looks through. */
const MAX_NAMES = 64;

/**
 * Tells whether `name` may follow the names in `list`, which has names and values in turn. Objects keep the last of two
 * equal names and put numbers first, so a map with such names, or with many, is left to the reference.
 */
export function isNewName(name: string, list: readonly string[]): boolean {
  const first = name.charCodeAt(0);
  if (list.length > 2 * MAX_NAMES || (first >= 0x30 && first <= 0x39)) return false;
  for (let i = 0; i < list.length; i += 2) if (list[i] === name) return false;
  return true;
}
