import type { Cell } from './cell/cell.ts';
import type { Column } from './columns.ts';

/** Result of a row in one column. */
export interface Verdict {
  readonly ok: boolean;
  /** Measurement in a few words; also when the row failed. */
  readonly figure: string;
  /** Findings, one per line. Empty when `ok`. */
  readonly why: readonly string[];
  /** Findings about times only, which a machine with other work can cause too. */
  readonly late?: readonly string[];
}

/** One fault, and what must hold while and after it happens. */
export interface Row {
  /** `R1`, `R2` … */
  readonly id: string;
  readonly fault: string;
  readonly must: string;
  /** Set for one that takes minutes, and is run where it is named only. */
  readonly long?: boolean;
  /** Factor on the time limit of a cell; default 1. */
  readonly patience?: number;
  /** Reason why the row does not apply to a column; `undefined` when it applies. */
  notApplicable?(column: Column): string | undefined;
  run(cell: Cell): Promise<Verdict>;
}

/** Reason why a row that makes bytes by itself does not apply to a column. */
export function noFrames({ medium }: Column): string | undefined {
  return medium === 'messages' ? 'the row makes frames, and here they are messages of a WebSocket' : undefined;
}

/**
 * A verdict from findings: it is good when there is none. A figure that is no number is a finding, for every limit holds for it.
 *
 * @param late those that are about times only
 */
export function verdict(figure: string, why: readonly string[], late: readonly string[] = []): Verdict {
  const found = /NaN|Infinity|undefined/.test(figure) ? [...why, 'a figure was not measured'] : why;
  return { ok: found.length + late.length === 0, figure, why: found, late };
}
