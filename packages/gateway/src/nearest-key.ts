/** Returns the number of letters to insert, delete, replace or swap that make `from` into `to`. */
function distance(from: string, to: string): number {
  const rows = [Array.from({ length: to.length + 1 }, (_, at) => at)];
  for (let at = 1; at <= from.length; at += 1) {
    const row = [at];
    const before = rows[at - 1] ?? [];
    for (let other = 1; other <= to.length; other += 1) {
      const replaced = (before[other - 1] ?? 0) + (from[at - 1] === to[other - 1] ? 0 : 1);
      const swaps = from[at - 1] === to[other - 2] && from[at - 2] === to[other - 1];
      const swapped = swaps ? (rows[at - 2]?.[other - 2] ?? 0) + 1 : Infinity;
      row.push(Math.min(replaced, swapped, (before[other] ?? 0) + 1, (row[other - 1] ?? 0) + 1));
    }
    rows.push(row);
  }
  return rows[from.length]?.[to.length] ?? Infinity;
}

/** Longest key that is compared. */
const MAX_LENGTH = 64;

/** Returns the key that a wrong one is most likely meant for; `undefined` where none is near: of three letters one may be wrong. */
export function nearestKey(wrong: string, known: readonly string[]): string | undefined {
  if (wrong.length > MAX_LENGTH) return undefined;
  const [best] = known
    .map((key) => ({ key, apart: distance(wrong.toLowerCase(), key.toLowerCase()) }))
    .toSorted((one, other) => one.apart - other.apart);
  return best !== undefined && best.apart <= Math.max(1, Math.floor(wrong.length / 3)) ? best.key : undefined;
}
