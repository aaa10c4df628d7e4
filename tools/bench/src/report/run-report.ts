import { type CellRounds, errorsOf, type Figures, figuresOf } from './figures.ts';
import { judge, type Verdict } from './verdicts.ts';

/** One line of a report. */
export interface ReportedCell {
  readonly id: string;
  readonly title: string;
  readonly group: string;
  readonly inFlight: number;
  readonly figures: Figures | undefined;
  readonly verdicts: readonly Verdict[];
  readonly errors: Readonly<Record<string, number>>;
  /** Latencies of all rounds together, by `BIN_EDGES_MS`. */
  readonly histogram: readonly number[];
}

/** A whole run, as it is kept in `bench.json`. */
export interface RunReport {
  readonly kind: 'messages' | 'http';
  readonly at: string;
  readonly node: string;
  readonly machine: string;
  readonly rounds: number;
  readonly seconds: number;
  /** Missing measurements, and what to do about them. */
  readonly missing: readonly string[];
  readonly cells: readonly ReportedCell[];
}

function addUp(cell: CellRounds): number[] {
  const sums: number[] = [];
  for (const one of cell.rounds) one?.histogram?.forEach((count, bin) => (sums[bin] = (sums[bin] ?? 0) + count));
  return sums;
}

/** Makes the lines of a report from what was measured. */
export function reportCells(all: readonly CellRounds[]): ReportedCell[] {
  return all.map((cell) => ({
    id: cell.row.id,
    title: cell.row.title,
    group: cell.row.group,
    inFlight: cell.load.inFlight,
    figures: figuresOf(cell),
    verdicts: cell.load.goals.map((goal) => judge(goal, cell, all)),
    errors: errorsOf(cell),
    histogram: addUp(cell),
  }));
}
