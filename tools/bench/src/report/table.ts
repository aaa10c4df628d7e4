import type { ReportedCell, RunReport } from './run-report.ts';
import { NOISE, type Verdict } from './verdicts.ts';

const COLUMNS = ['', 'in flight', 'per second', 'slowest–fastest', 'p50 µs', 'p99 µs', 'CPU µs', 'goals'];

const whole = (value: number): string => Math.round(value).toLocaleString('en').replaceAll(',', ' ');

/** One goal in a word or two: reached, or how far it is. */
export function verdictText({ goal, measured, share }: Verdict): string {
  if (share === undefined) return `${goal}: not measured`;
  return share >= 1 ? `✓ ${goal}: ${measured}` : `✗ ${goal}: ${measured} (${Math.round(share * 100)} % of the way)`;
}

function line({ title, inFlight, figures, verdicts, errors }: ReportedCell): string[] {
  if (figures === undefined) return [title, String(inFlight), 'failed', '', '', '', '', ''];
  const goals = verdicts.map(verdictText);
  for (const [code, count] of Object.entries(errors)) goals.push(`✗ ${count} × ${code}`);
  const rate =
    figures.gigabytes === undefined ? whole(figures.requestsPerSecond) : `${figures.gigabytes.toFixed(2)} GB`;
  return [
    title,
    String(inFlight),
    rate,
    `${whole(figures.slowest)}–${whole(figures.fastest)}`,
    whole(figures.p50Ms * 1000),
    whole(figures.p99Ms * 1000),
    `${figures.clientMicroseconds.toFixed(2)} + ${figures.serverMicroseconds.toFixed(2)}`,
    goals.join(' · '),
  ];
}

/** A warning where other processes were busy meanwhile. */
export function noiseNotes(cells: readonly ReportedCell[]): string[] {
  const others = Math.max(0, ...cells.map(({ figures }) => figures?.others ?? 0));
  if (others <= NOISE) return [];
  return [
    `other processes took up to ${others.toFixed(1)} cores meanwhile: ratios and processor time count, not rates`,
  ];
}

/** Draws a report as text. */
export function drawTable({ kind, cells, missing, rounds, seconds }: RunReport): string {
  const lines = [COLUMNS, ...cells.map(line)];
  const widths = COLUMNS.map((_, column) => Math.max(...lines.map((one) => one[column]?.length ?? 0)));
  const drawn = lines.map((texts) =>
    texts
      .map((text, column) => {
        if (column === texts.length - 1) return text;
        return column === 0 ? text.padEnd(widths[column] ?? 0) : text.padStart(widths[column] ?? 0);
      })
      .join('  ')
      .trimEnd(),
  );
  const ends = kind === 'http' ? 'proxy + agent' : 'asking + answering process';
  const how = `medians of ${rounds} round(s) of ${seconds} s; CPU µs a question: ${ends}`;
  return [...drawn, '', how, ...noiseNotes(cells), ...missing].join('\n');
}
