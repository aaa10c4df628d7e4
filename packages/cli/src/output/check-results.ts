import { printableStart } from '@agentwire/core/internal';
import type { CheckInfo, CheckResult } from '@agentwire/conform';
import { drawTable } from './table.ts';
import { type Terminal, tint } from './terminal.ts';

const MARKS = { pass: ['good', 'pass'], fail: ['bad', 'FAIL'], skip: ['quiet', 'skip'] } as const;
const columnsOf = (...titles: readonly string[]): { title: string }[] => titles.map((title) => ({ title }));

/** Draws one row per check, with the heading of `docs/wire.md` that has the requirement. */
export function drawResults(results: readonly CheckResult[], stream: Terminal['stdout']): string {
  const rows = results.map(({ outcome, form, id, level, section, title, reason }) => {
    const [tone, word] = MARKS[outcome];
    return [
      tint(tone, word, stream),
      form,
      id,
      level,
      section,
      reason === undefined ? title : `${title}: ${printableStart(reason, 2_048)}`,
    ];
  });
  return drawTable(columnsOf('', 'form', 'check', 'level', 'docs/wire.md', 'requirement'), rows);
}

/** Draws one row per check that exists. */
export function drawChecks(checks: readonly CheckInfo[]): string {
  const rows = checks.map(({ side, id, level, section, title, forms, needsReference }) => [
    side,
    id,
    level,
    forms.join(', '),
    section,
    needsReference ? `${title} (only for agents that decide as \`agentwire agent reference\` does)` : title,
  ]);
  return drawTable(columnsOf('side', 'check', 'level', 'forms', 'docs/wire.md', 'requirement'), rows);
}

/** Counts results: `31 passed, 2 failed (1 of them must), 3 skipped`. */
export function summary(results: readonly CheckResult[]): string {
  const count = (outcome: CheckResult['outcome']): number => results.filter((one) => one.outcome === outcome).length;
  const must = results.filter(({ outcome, level }) => outcome === 'fail' && level === 'must').length;
  return `${count('pass')} passed, ${count('fail')} failed (${must} of them must), ${count('skip')} skipped`;
}
