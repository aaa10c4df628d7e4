import { stripVTControlCharacters } from 'node:util';

/** One column of a table. */
export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
}

const width = (text: string): number => stripVTControlCharacters(text).length;

function pad(text: string, to: number, align: Column['align']): string {
  const space = ' '.repeat(Math.max(0, to - width(text)));
  return align === 'right' ? space + text : text + space;
}

/** Draws rows under titles, columns as wide as they need to be. Cells may be coloured. */
export function drawTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const widths = columns.map(({ title }, at) => Math.max(width(title), ...rows.map((row) => width(row[at] ?? ''))));
  const draw = (cells: readonly string[]): string =>
    columns
      .map(({ align }, at) => pad(cells[at] ?? '', widths[at] ?? 0, align))
      .join('  ')
      .trimEnd();
  const rule = widths.map((one) => '─'.repeat(one)).join('  ');
  return [draw(columns.map(({ title }) => title)), rule, ...rows.map((row) => draw(row))].join('\n');
}
