import type { Column } from './columns.ts';
import type { Row } from './row.ts';
import type { CellResult } from './runner.ts';

function drawLines(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((text, at) => text.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

function show(cell: CellResult | undefined): string {
  if (cell === undefined) return '';
  if (cell.status === 'n/a') return 'n/a';
  const tries = cell.tries > 1 ? ` (${cell.tries} tries)` : '';
  return `${cell.status === 'ok' ? 'ok' : 'FAILED'} ${cell.figure}${tries}`.trim();
}

/** The board as text: a row a fault, a column a transport, and below it what was wrong and what does not apply. */
export function drawBoard(rows: readonly Row[], columns: readonly Column[], results: readonly CellResult[]): string {
  const table = [['', 'fault', ...columns.map(({ id }) => id)]];
  for (const { id, fault } of rows) {
    const cells = columns.map((column) => results.find((one) => one.row === id && one.column === column.id));
    table.push([id, fault, ...cells.map(show)]);
  }
  const [title = '', ...rest] = drawLines(table);
  const notes = results
    .filter(({ why }) => why.length > 0)
    .map(({ row, column, status, why, blockedMs }) => {
      const blocked = status === 'failed' && blockedMs > 20 ? ` (this process was blocked for ${blockedMs} ms)` : '';
      return why.map((text) => `${row} ${column}: ${status === 'n/a' ? 'n/a: ' : ''}${text}${blocked}`).join('\n');
    });
  return [title, '-'.repeat(Math.max(title.length, ...rest.map((line) => line.length))), ...rest, '', ...notes].join(
    '\n',
  );
}
