import { expect, test } from 'vitest';
import type { Goal, Row } from '../src/plan/row.ts';
import { type CellRounds, errorsOf, figuresOf, median } from '../src/report/figures.ts';
import { drawPage } from '../src/report/page.ts';
import { reportCells, type RunReport } from '../src/report/run-report.ts';
import { drawTable } from '../src/report/table.ts';
import { judge } from '../src/report/verdicts.ts';
import type { CellResult } from '../src/run/cell-result.ts';

const end = { by: 'node', stack: 'x' } as const;

function cell(
  id: string,
  rounds: readonly (Partial<CellResult> | undefined)[],
  goals: readonly Goal[] = [],
): CellRounds {
  const row: Row = { id, title: `<${id}>`, group: 'agentwire', place: 'uds', server: end, client: end, loads: [] };
  const base: CellResult = {
    requestsPerSecond: 100,
    errors: {},
    latencyMs: { p50: 0.05, p99: 0.2 },
    cpuMicroseconds: { client: 3, server: 2 },
    rssBytes: 1e8,
    histogram: [0, 4, 2],
    others: 0,
  };
  return { row, load: { inFlight: 64, goals }, rounds: rounds.map((one) => one && { ...base, ...one }) };
}

test('the median of an even number of values is between the two in the middle', () => {
  expect([median([3, 1, 2]), median([4, 1, 2, 3]), median([7])]).toEqual([2, 2.5, 7]);
  expect(median([])).toBeNaN();
});

test('rounds that failed count for nothing', () => {
  const some = cell('a', [{ requestsPerSecond: 10 }, undefined, { requestsPerSecond: 30, errors: { ERR_TIMEOUT: 2 } }]);
  expect(figuresOf(some)).toMatchObject({ requestsPerSecond: 20, slowest: 10, fastest: 30 });
  expect(errorsOf(some)).toEqual({ ERR_TIMEOUT: 2 });
  expect(figuresOf(cell('b', [undefined]))).toBeUndefined();
});

test('ratios are taken round by round, so that a slow hour does not count against one row', () => {
  const fast = cell('fast', [{ requestsPerSecond: 200 }, { requestsPerSecond: 20 }, { requestsPerSecond: 200 }]);
  const slow = cell('slow', [{ requestsPerSecond: 100 }, { requestsPerSecond: 10 }, undefined]);
  expect(judge({ of: 'rateRatio', to: 'slow', atLeast: 1.6 }, fast, [fast, slow])).toMatchObject({
    measured: '2.00 ×',
    share: 1.25,
  });
  expect(judge({ of: 'rateRatio', to: 'gone', atLeast: 1.6 }, fast, [fast])).toMatchObject({ share: undefined });
});

test.each<[Goal, number]>([
  [{ of: 'rate', atLeast: 50 }, 2],
  [{ of: 'p50', atMost: 0.1 }, 2],
  [{ of: 'p99', atMost: 0.1 }, 0.5],
  [{ of: 'cpuRatio', to: 'same', atMost: 1.15 }, 1.15],
  [{ of: 'rss', atMost: 4e8 }, 4],
  [{ of: 'p50Difference', to: 'same', atMost: 0.08 }, Infinity],
])('%j is %f of the way', (goal, share) => {
  const one = cell('one', [{}]);
  expect(judge(goal, one, [one, cell('same', [{}])]).share).toBeCloseTo(share);
});

test('the table and the page show every row, and the page fetches nothing', () => {
  const cells = reportCells([cell('one', [{}], [{ of: 'rate', atLeast: 200 }]), cell('two', [undefined])]);
  const report: RunReport = {
    kind: 'messages',
    at: '2026-01-01T00:00:00.000Z',
    node: 'v24',
    machine: 'a machine',
    rounds: 1,
    seconds: 1,
    missing: ['something is missing'],
    cells,
  };
  expect(drawTable(report)).toMatch(
    /✗ ≥ 200\/s: 100\/s \(50 % of the way\)[^]*<two>\s+64\s+failed[^]*something is missing/,
  );
  const before = { ...report, cells: reportCells([cell('one', [{ requestsPerSecond: 50 }])]) };
  const page = drawPage(report, before);
  expect(page).toContain('&lt;one&gt;');
  expect(page).toContain('+100 %');
  expect(page).not.toMatch(/<one>|src=|href=|url\(|@import|<script/);
});
