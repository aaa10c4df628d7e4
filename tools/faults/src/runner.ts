import { Cell } from './cell/cell.ts';
import { ProcessWatcher } from './cell/watcher.ts';
import type { Column } from './columns.ts';
import { monotonicMs } from './now.ts';
import type { Row, Verdict } from './row.ts';
import { within } from './wait.ts';

/** One cell of the board. */
export interface CellResult {
  readonly row: string;
  readonly column: string;
  readonly status: 'ok' | 'failed' | 'n/a';
  readonly figure: string;
  /** Findings, or the reason why the row does not apply. */
  readonly why: readonly string[];
  /** Number of runs until the result was final; 0 when the row does not apply. */
  readonly tries: number;
  readonly seconds: number;
  /** The longest that this process was not scheduled, in milliseconds: figures may be off by that much. */
  readonly blockedMs: number;
}

/** Options of a run. */
export interface RunOptions {
  readonly quick: boolean;
  /** Time limit of one cell, in milliseconds. */
  readonly limitMs: number;
  readonly say: (text: string) => void;
  /** Interval of the line that shows how far a cell is, in milliseconds; default 15 000. */
  readonly beatMs?: number;
}

const BEAT_MS = 15_000;
/** Most runs of a cell when the machine was too busy. */
const TRIES = 3;
/** A process that waited this long for a processor says nothing about times, in milliseconds. */
const STARVED_MS = 5;

/**
 * Runs one row in one column, and holds it and both processes against what must be true after every row.
 *
 * Where nothing but times was wrong, and this process had to wait for a processor meanwhile, it is run again: other work
 * only ever adds to a time. Any other finding counts at once.
 */
export async function runCell(row: Row, column: Column, options: RunOptions): Promise<CellResult> {
  const notApplicable = row.notApplicable?.(column);
  if (notApplicable !== undefined)
    return {
      row: row.id,
      column: column.id,
      status: 'n/a',
      figure: '',
      why: [notApplicable],
      tries: 0,
      seconds: 0,
      blockedMs: 0,
    };
  for (let tries = 1; ; tries++) {
    const { result, again } = await runOnce(row, column, options, tries);
    if (!again || tries === TRIES) return result;
    options.say(`${row.id} ${column.id}: ${result.why.join('; ')}; once more, for the machine is busy`);
  }
}

async function runOnce(
  row: Row,
  column: Column,
  options: RunOptions,
  tries: number,
): Promise<{ readonly result: CellResult; readonly again: boolean }> {
  const since = monotonicMs();
  const watcher = new ProcessWatcher();
  const cell = new Cell(column, options.quick, (text) => options.say(`${row.id} ${column.id}: ${text}`));
  cell.progress(row.fault);
  const beat = setInterval(() => {
    const seconds = Math.round((monotonicMs() - since) / 1000);
    options.say(`${row.id} ${column.id}: ${cell.at}, for ${seconds} s now`);
  }, options.beatMs ?? BEAT_MS);
  const { ok, figure, why, late = [] } = await judge(row, cell, options.limitMs * (row.patience ?? 1));
  clearInterval(beat);
  const found = [...new Set([...why, ...(await closeCell(cell, watcher)), ...(await watcher.finish())])];
  const silent = !ok && found.length + late.length === 0;
  const result: CellResult = {
    row: row.id,
    column: column.id,
    status: ok && found.length === 0 ? 'ok' : 'failed',
    figure,
    why: silent ? ['the row failed without saying why'] : [...found, ...late],
    tries,
    seconds: Number(((monotonicMs() - since) / 1000).toFixed(1)),
    blockedMs: Math.round(watcher.blockedMs),
  };
  return { result, again: found.length === 0 && late.length > 0 && watcher.starvedMs > STARVED_MS };
}

async function judge(row: Row, cell: Cell, limitMs: number): Promise<Verdict> {
  const running = row.run(cell);
  // after the limit no caller waits for it, but its end must not count as an unhandled rejection
  running.catch(() => undefined);
  try {
    const result = await within(running, limitMs);
    return result ?? { ok: false, figure: 'no end', why: [`the row did not end within ${limitMs / 1000} s`] };
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { ok: false, figure: 'threw', why: [`the row threw: ${text.split('\n').slice(0, 4).join(' | ')}`] };
  }
}

async function closeCell(cell: Cell, watcher: ProcessWatcher): Promise<string[]> {
  try {
    return (await within(cell.close(watcher.starvedMs), 30_000)) ?? ['the cell could not be closed within 30 s'];
  } catch (error) {
    return [`closing the cell threw: ${error instanceof Error ? error.message : String(error)}`];
  }
}

/** The exit status for these cells: 1 when one of them failed. */
export function exitStatus(results: readonly CellResult[]): number {
  return results.some(({ status }) => status === 'failed') ? 1 : 0;
}
