import { drawTable } from '../../output/table.ts';
import { type Terminal, tint } from '../../output/terminal.ts';
import type { CheckResult } from '../check.ts';

const MARKS = { pass: ['good', 'pass'], fail: ['bad', 'FAIL'], skip: ['quiet', 'skip'] } as const;

/** One row for each check, with the heading of `docs/wire.md` that it comes from. */
export function drawResults(results: readonly CheckResult[], stream: Terminal['stdout']): string {
  const rows = results.map(({ outcome, form, id, level, section, says, why }) => {
    const [tone, word] = MARKS[outcome];
    return [tint(tone, word, stream), form, id, level, section, why === undefined ? says : `${says}: ${why}`];
  });
  const columns = ['', 'form', 'check', 'level', 'docs/wire.md', 'what'].map((title) => ({ title }));
  return drawTable(columns, rows);
}

/** `31 passed, 2 failed (1 must), 3 skipped`. */
export function summary(results: readonly CheckResult[]): string {
  const count = (outcome: CheckResult['outcome']): number => results.filter((one) => one.outcome === outcome).length;
  const must = results.filter(({ outcome, level }) => outcome === 'fail' && level === 'must').length;
  return `${count('pass')} passed, ${count('fail')} failed (${must} of them must), ${count('skip')} skipped`;
}

/** Whether everything that must hold holds, and something was checked. */
export function holds(results: readonly CheckResult[]): boolean {
  const bad = results.some(({ outcome, level }) => outcome === 'fail' && level === 'must');
  return !bad && results.some(({ outcome }) => outcome === 'pass');
}
