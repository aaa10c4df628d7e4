import type { Flags } from '../flags.ts';
import type { Row } from '../plan/row.ts';
import type { CellRounds } from '../report/figures.ts';
import type { CellResult } from './cell-result.ts';

/** Runs one row at one number in flight. */
export type RunCell<R extends Row> = (row: R, inFlight: number, flags: Flags) => Promise<CellResult>;

/** The rows and numbers in flight that the flags ask for. */
export function choose<R extends Row>(rows: readonly R[], { stacks, inFlight }: Flags): R[] {
  const wanted = (id: string): boolean =>
    stacks.length === 0 || stacks.some((word) => (word.startsWith('=') ? id === word.slice(1) : id.includes(word)));
  return rows
    .filter(({ id }) => wanted(id))
    .map((row) => ({
      ...row,
      loads: row.loads.filter((load) => inFlight.length === 0 || inFlight.includes(load.inFlight)),
    }));
}

/**
 * Runs every cell once a round, all of them before the next round begins, so that a slow hour of the machine meets all. Every
 * second round goes from the last cell to the first, so that no row always follows the same one.
 *
 * @param say told of each run when it is done
 */
export async function runRounds<R extends Row>(
  rows: readonly R[],
  flags: Flags,
  run: RunCell<R>,
  say: (text: string) => void,
): Promise<CellRounds[]> {
  const cells = rows.flatMap((row) =>
    row.loads.map((load) => ({ row, load, rounds: [] as (CellResult | undefined)[] })),
  );
  for (let round = 1; round <= flags.rounds; round++) {
    for (const { row, load, rounds } of round % 2 === 1 ? cells : cells.toReversed()) {
      const name = `${round}/${flags.rounds} ${row.id} ${load.inFlight}`;
      try {
        const result = await run(row, load.inFlight, flags);
        rounds.push(result);
        say(`${name}: ${Math.round(result.requestsPerSecond)}/s`);
      } catch (error) {
        rounds.push(undefined);
        say(`${name}: ${(error as Error).message}`);
      }
    }
  }
  return cells;
}
