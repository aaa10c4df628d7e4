import type { Load, Row } from '../plan/row.ts';
import type { CellResult } from '../run/cell-result.ts';

/** All rounds of one row at one number in flight. */
export interface CellRounds {
  readonly row: Row;
  readonly load: Load;
  /** One a round; `undefined` where that run failed. */
  readonly rounds: readonly (CellResult | undefined)[];
}

/** Medians of one row at one number in flight. */
export interface Figures {
  readonly requestsPerSecond: number;
  readonly slowest: number;
  readonly fastest: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly clientMicroseconds: number;
  readonly serverMicroseconds: number;
  readonly rssBytes: number;
  readonly others: number;
  /** Gigabytes a second, where a question carries bytes. */
  readonly gigabytes?: number | undefined;
}

/** The middle one, or the mean of the two in the middle; NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length / 2;
  return ((sorted[Math.ceil(half) - 1] ?? NaN) + (sorted[Math.floor(half)] ?? NaN)) / 2;
}

/** Medians over the rounds; `undefined` where no round gave a result. */
export function figuresOf({ row, rounds }: CellRounds): Figures | undefined {
  const done = rounds.filter((one) => one !== undefined);
  if (done.length === 0) return undefined;
  const of = (pick: (one: CellResult) => number): number => median(done.map(pick));
  const rates = done.map((one) => one.requestsPerSecond);
  const requestsPerSecond = median(rates);
  const { bytesPerQuestion } = row;
  return {
    requestsPerSecond,
    slowest: Math.min(...rates),
    fastest: Math.max(...rates),
    p50Ms: of((one) => one.latencyMs.p50),
    p99Ms: of((one) => one.latencyMs.p99),
    clientMicroseconds: of((one) => one.cpuMicroseconds.client),
    serverMicroseconds: of((one) => one.cpuMicroseconds.server),
    rssBytes: of((one) => one.rssBytes),
    others: of((one) => one.others),
    gigabytes: bytesPerQuestion === undefined ? undefined : (requestsPerSecond * bytesPerQuestion) / 1e9,
  };
}

/** Errors by code over all rounds. */
export function errorsOf({ rounds }: CellRounds): Readonly<Record<string, number>> {
  const all: Record<string, number> = {};
  for (const one of rounds) {
    for (const [code, count] of Object.entries(one?.errors ?? {})) all[code] = (all[code] ?? 0) + count;
  }
  return all;
}
