import type { VersionOneFinding } from '../v1/judge.ts';
import { VERSION_ONE_REASONS } from '../v1/reasons.ts';
import type { VersionOneSection } from '../v1/section.ts';

const NAME_WIDTH = 23;
const COLUMN = 15;

function mark({ verdict, reasons }: VersionOneFinding): string {
  if (verdict === 'same') return '✓';
  return verdict === 'different' ? '✗' : (reasons?.join(' ') ?? '?');
}

/** A row for each scenario of version 1, a column for each pair, and what its letters mean. */
export function versionOneTable({ findings, absent }: VersionOneSection): string[] {
  const pairs = [...new Set(findings.map(({ proxy, agent }) => `${proxy} → ${agent}`))];
  const row = (first: string, cells: readonly string[]): string =>
    (first.padEnd(NAME_WIDTH) + cells.map((cell) => cell.padEnd(COLUMN)).join('')).trimEnd();
  const lines = [row('version 1', pairs)];
  for (const scenario of new Set(findings.map((one) => one.scenario)))
    lines.push(row(scenario, findings.filter((one) => one.scenario === scenario).map(mark)));
  const used = new Set(findings.flatMap(({ reasons }) => reasons ?? []));
  for (const { letter, why } of VERSION_ONE_REASONS) if (used.has(letter)) lines.push(`${letter} ${why}`);
  if (absent !== undefined) lines.push(`without the crate: ${absent}`);
  return lines;
}
