import { DECLARED } from './declared.ts';
import type { Fate, Measured } from './measure.ts';

/** Page that the table stands in, from the root. */
export const PAGE = 'docs/wire.md';
/** Command that writes the table anew. */
export const COMMAND = 'node --conditions=@agentwire/source test/wire/write-page.ts';

const BEGIN = '<!-- fields: begin, written by test/wire/write-page.ts -->';
const END = '<!-- fields: end -->';

const noteOf = (field: string, lane: string): number =>
  DECLARED.findIndex(({ fields, lanes }) => fields.includes(field) && lanes.includes(lane)) + 1;

/** Lists cells that are not declared, or differ from their declaration. */
export function undeclared(measured: Measured, lanes: readonly string[]): readonly string[] {
  const wrong: string[] = [];
  const fateOf = (field: string, lane: string): Fate | undefined => measured.get(field)?.[lanes.indexOf(lane)];
  for (const [field, fates] of measured) {
    fates.forEach((fate, index) => {
      const lane = lanes[index] ?? '';
      if (fate !== '✓' && noteOf(field, lane) === 0)
        wrong.push(`${field} is ${fate} over ${lane}: carry it, or declare in test/wire/declared.ts why it cannot be`);
    });
  }
  for (const { fields, lanes: named, fate } of DECLARED) {
    for (const field of fields) {
      for (const lane of named) {
        const now = fateOf(field, lane);
        if (now !== fate) wrong.push(`${field} is declared as ${fate} over ${lane}, and is ${now ?? 'not there'}`);
      }
    }
  }
  return wrong;
}

/** The table and its notes, in Markdown as the formatter leaves it. */
export function tableOf(measured: Measured, lanes: readonly string[]): string {
  const rows = [...measured].map(([field, fates]) => [
    `\`${field}\``,
    ...fates.map((fate, index) => (fate === '✓' ? fate : `${fate} ${noteOf(field, lanes[index] ?? '')}`)),
  ]);
  const head = ['field', ...lanes];
  const widths = head.map((title, column) =>
    Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0), title.length),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  const notes = DECLARED.map(({ why }, index) => `${index + 1}. ${why}`);
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line), '', ...notes].join('\n');
}

/** The page with `table` between its markers. */
export function pageWith(page: string, table: string): string {
  const from = page.indexOf(BEGIN);
  const to = page.indexOf(END);
  if (from === -1 || to < from) throw new Error(`${PAGE} has no place for the table of fields`);
  return `${page.slice(0, from + BEGIN.length)}\n\n${table}\n\n${page.slice(to)}`;
}
