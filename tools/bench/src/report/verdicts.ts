import type { Goal } from '../plan/row.ts';
import type { CellResult } from '../run/cell-result.ts';
import { type CellRounds, type Figures, figuresOf, median } from './figures.ts';

/** Verdict on one goal. */
export interface Verdict {
  /** The goal in words, for example `≥ 200 000/s`. */
  readonly goal: string;
  /** Measured value, in the same unit. */
  readonly measured: string;
  /** Share of the goal: 1 and more is reached. `undefined` when the figure to compare with is missing. */
  readonly share: number | undefined;
}

const whole = (value: number): string => Math.round(value).toLocaleString('en').replaceAll(',', '\u202f');
const times = (value: number): string => `${value.toFixed(2)} ×`;
const micro = (ms: number): string => `${Math.round(ms * 1000)} µs`;
function cpuOf({ cpuMicroseconds }: CellResult, end: 'client' | 'server' | undefined): number {
  return end === undefined ? cpuMicroseconds.client + cpuMicroseconds.server : cpuMicroseconds[end];
}

/** Share of a core that others may take before rates say more about them than about the row. */
export const NOISE = 0.1;

/** Questions a second if the busier end had its core to itself. */
function cpuBound({ clientMicroseconds, serverMicroseconds }: Figures): number {
  return 1e6 / Math.max(clientMicroseconds, serverMicroseconds);
}

/** Medians of `pick(mine) op pick(theirs)` over the rounds in which both ran: rounds compare, hours do not. */
function paired(
  mine: CellRounds,
  theirs: CellRounds | undefined,
  combine: (mine: CellResult, theirs: CellResult) => number,
): number | undefined {
  const values: number[] = [];
  mine.rounds.forEach((one, round) => {
    const other = theirs?.rounds[round];
    if (one !== undefined && other !== undefined) values.push(combine(one, other));
  });
  return values.length === 0 ? undefined : median(values);
}

const atLeast = (
  goal: string,
  value: number | undefined,
  wanted: number,
  show: (value: number) => string,
): Verdict => ({
  goal: `≥ ${goal}`,
  measured: value === undefined ? 'not measured' : show(value),
  share: value === undefined ? undefined : value / wanted,
});
const atMost = (goal: string, value: number | undefined, wanted: number, show: (value: number) => string): Verdict => ({
  goal: `≤ ${goal}`,
  measured: value === undefined ? 'not measured' : show(value),
  // a difference below nothing is more than reached
  share: value === undefined ? undefined : value <= 0 ? Infinity : wanted / value,
});

/** Judges one goal of a cell. @param all every cell of the run, to compare with */
export function judge(goal: Goal, cell: CellRounds, all: readonly CellRounds[]): Verdict {
  const figures = figuresOf(cell);
  const other = (to: string, inFlight = cell.load.inFlight): CellRounds | undefined =>
    all.find(({ row, load }) => row.id === to && load.inFlight === inFlight);
  switch (goal.of) {
    case 'rate':
      return atLeast(`${whole(goal.atLeast)}/s`, figures?.requestsPerSecond, goal.atLeast, (value) =>
        figures === undefined || figures.others < NOISE
          ? `${whole(value)}/s`
          : `${whole(value)}/s on a busy machine; the processor time would allow ${whole(cpuBound(figures))}/s`,
      );
    case 'gigabytes':
      return atLeast(`${goal.atLeast} GB/s`, figures?.gigabytes, goal.atLeast, (value) => `${value.toFixed(2)} GB/s`);
    case 'rateRatio': {
      const ratio = paired(cell, other(goal.to, goal.inFlight), (a, b) => a.requestsPerSecond / b.requestsPerSecond);
      return atLeast(`${times(goal.atLeast)} ${goal.to}`, ratio, goal.atLeast, times);
    }
    case 'cpuRatio': {
      const ratio = paired(cell, other(goal.to), (a, b) => cpuOf(a, goal.end) / cpuOf(b, goal.end));
      const whose = { client: ' of the asking process', server: ' of the answering process', '': '' }[goal.end ?? ''];
      return atMost(`${times(goal.atMost)} CPU${whose} of ${goal.to}`, ratio, goal.atMost, times);
    }
    case 'p50':
    case 'p99':
      return atMost(
        `${micro(goal.atMost)} ${goal.of}`,
        goal.of === 'p50' ? figures?.p50Ms : figures?.p99Ms,
        goal.atMost,
        micro,
      );
    case 'p50Difference': {
      const more = paired(cell, other(goal.to), (a, b) => a.latencyMs.p50 - b.latencyMs.p50);
      return atMost(`${micro(goal.atMost)} over ${goal.to}`, more, goal.atMost, micro);
    }
    case 'rss':
      return atMost(
        `${whole(goal.atMost / 1e6)} MB a process`,
        figures?.rssBytes,
        goal.atMost,
        (value) => `${whole(value / 1e6)} MB`,
      );
  }
}
