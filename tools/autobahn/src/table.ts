import type { CaseResults } from './suite.ts';

/** Titles of the suite's groups. */
const GROUPS: Readonly<Record<string, string>> = {
  '1': 'framing',
  '2': 'pings and pongs',
  '3': 'reserved bits',
  '4': 'opcodes',
  '5': 'fragmentation',
  '6': 'UTF-8',
  '7': 'close',
  '9': 'limits and large messages',
  '10': 'automatic fragmentation',
  '12': 'compression, messages of all sizes',
  '13': 'compression, its parameters',
};

const groupOf = (id: string): string => id.split('.', 1)[0] ?? '';

const FAILED: ReadonlySet<string> = new Set(['FAILED', 'WRONG CODE', 'UNCLEAN', 'FAILED BY CLIENT']);

/** Returns the cases that a server fails: by what it sent, or by how it closed. */
export function failuresOf(results: CaseResults): string[] {
  return Object.entries(results).flatMap(([id, { behavior, behaviorClose }]) =>
    FAILED.has(behavior) || FAILED.has(behaviorClose) ? [id] : [],
  );
}

/** Returns the cases that a server passes less strictly than the suite would have it, as by failing later than at the first bad byte. */
export function notStrictOf(results: CaseResults): string[] {
  const failed = new Set(failuresOf(results));
  return Object.keys(results).filter((id) => results[id]?.behavior === 'NON-STRICT' && !failed.has(id));
}

const WORDS: Readonly<Record<string, string>> = {
  OK: 'ok',
  'NON-STRICT': 'not strict',
  INFORMATIONAL: 'informational',
  UNIMPLEMENTED: 'not offered',
};

/** Returns how many cases of a group ended how. */
function cell(results: CaseResults, group: string): string {
  const counts = new Map<string, number>();
  const failed = new Set(failuresOf(results));
  for (const [id, { behavior }] of Object.entries(results)) {
    if (groupOf(id) !== group) continue;
    const word = failed.has(id) ? '**failed**' : (WORDS[behavior] ?? behavior);
    counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return Array.from(counts, ([word, count]) => `${count} ${word}`).join(', ');
}

/** Draws a table: a row for each group of cases, a column for each server. */
export function drawTable(all: ReadonlyMap<string, CaseResults>): string {
  const groups = new Set([...all.values()].flatMap((results) => Object.keys(results).map(groupOf)));
  const rows = [...groups]
    .toSorted((a, b) => Number(a) - Number(b))
    .map((group) => [
      `${group} ${GROUPS[group] ?? ''}`,
      ...Array.from(all.values(), (results) => cell(results, group)),
    ]);
  const lines = [['cases', ...all.keys()], ...rows];
  const widths = lines[0]?.map((_, at) => Math.max(...lines.map((line) => line[at]?.length ?? 0))) ?? [];
  const drawn = lines.map((line) => `| ${line.map((text, at) => text.padEnd(widths[at] ?? 0)).join(' | ')} |`);
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
  return [drawn[0], rule, ...drawn.slice(1)].join('\n');
}
