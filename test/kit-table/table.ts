import { type ComplianceCase, runCase } from '@agentwire/transport-compliance';
import type { Column } from './columns.ts';

/** Outcome of one case over one transport. */
type Outcome = 'ok' | 'fails' | 'skipped';
/** Outcomes by transport, then by case. */
type Outcomes = ReadonlyMap<string, ReadonlyMap<string, Outcome>>;

const runner = { describe: () => undefined, test: () => undefined };

function lacks({ features }: Column, { needs }: ComplianceCase): boolean {
  // a broken answer is broken differently by each medium: the tests of the transports do that
  return needs.some((feature) => feature === 'malform' || features?.[feature] === false);
}

/** Runs cases over transports, one after the other. @param onFailure called with each failure */
export async function runTable(
  columns: readonly Column[],
  cases: readonly ComplianceCase[],
  onFailure: (column: string, id: string, error: unknown) => void,
): Promise<Outcomes> {
  const table = new Map<string, Map<string, Outcome>>();
  for (const column of columns) {
    const outcomes = new Map<string, Outcome>();
    table.set(column.name, outcomes);
    for (const one of cases) {
      if (lacks(column, one)) {
        outcomes.set(one.id, 'skipped');
        continue;
      }
      try {
        await runCase(one, { ...column, runner });
        outcomes.set(one.id, 'ok');
      } catch (error) {
        outcomes.set(one.id, 'fails');
        onFailure(column.name, one.id, error);
      }
    }
  }
  return table;
}

const MARKS: Readonly<Record<Outcome, string>> = { ok: '✓', fails: 'FAILS', skipped: '–' };

function cellOf(outcomes: ReadonlyMap<string, Outcome> | undefined, ids: readonly string[]): string {
  const found = ids.map((id) => outcomes?.get(id) ?? 'skipped');
  if (found.length === 1) return MARKS[found[0] ?? 'skipped'];
  const [held, ran] = [found.filter((one) => one === 'ok').length, found.filter((one) => one !== 'skipped').length];
  if (ran === 0) return '–';
  return held === ran ? `✓ ${held}` : `${held} of ${ran}`;
}

/**
 * Returns the table as text: a row for each group of cases, which their ids begin with, or for each case.
 *
 * @param all a row for each case
 */
export function tableText(outcomes: Outcomes, cases: readonly ComplianceCase[], all: boolean): string {
  const groups = Map.groupBy(cases, ({ id }) => (all ? id : (id.split('.', 1)[0] ?? id)));
  const rows = [...groups].map(([group, members]) => {
    const ids = members.map(({ id }) => id);
    return [group, ...[...outcomes.values()].map((column) => cellOf(column, ids))];
  });
  const ids = cases.map(({ id }) => id);
  const total = ['all', ...[...outcomes.values()].map((column) => cellOf(column, ids))];
  const lines = [['', ...outcomes.keys()], ...rows, ...(all ? [] : [total])];
  const widths = lines[0]?.map((_, at) => Math.max(...lines.map((line) => line[at]?.length ?? 0))) ?? [];
  return lines
    .map((line) =>
      line
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
