import { escapeText, short } from './charts.ts';
import { COLOURS } from './page-style.ts';
import type { ReportedCell, RunReport } from './run-report.ts';
import { verdictText } from './table.ts';

const HEADS = ['', 'in flight', 'per second', 'last run', 'p50 µs', 'p99 µs', 'CPU µs', 'goals'];

const whole = (value: number): string => Math.round(value).toLocaleString('en').replaceAll(',', '\u202f');

function comparison(cell: ReportedCell, last: RunReport | undefined): string {
  const before = last?.cells.find(({ id, inFlight }) => id === cell.id && inFlight === cell.inFlight)?.figures;
  if (before === undefined || cell.figures === undefined) return '<td class="soft">–</td>';
  const change = cell.figures.requestsPerSecond / before.requestsPerSecond - 1;
  const kind = Math.abs(change) < 0.05 ? 'soft' : change > 0 ? 'good' : 'bad';
  const percent = `${change < 0 ? '−' : '+'}${Math.abs(change * 100).toFixed(0)} %`;
  return `<td class="${kind}" title="${whole(before.requestsPerSecond)}/s">${percent}</td>`;
}

function line(cell: ReportedCell, first: boolean, last: RunReport | undefined): string {
  const { title, group, inFlight, figures, verdicts, errors } = cell;
  const dot = `<i style="background:${COLOURS[group] ?? 'currentColor'}"></i>`;
  const goals = verdicts.map((one) => {
    const kind = one.share === undefined ? 'soft' : one.share >= 1 ? 'good' : 'bad';
    return `<div class="${kind}">${escapeText(verdictText(one))}</div>`;
  });
  for (const [code, count] of Object.entries(errors))
    goals.push(`<div class="bad">${count} × ${escapeText(code)}</div>`);
  const name = `<td>${first ? `${dot}${escapeText(title)}` : ''}</td><td>${whole(inFlight)}</td>`;
  if (figures === undefined)
    return `<tr class="${first ? 'new' : ''}">${name}<td class="bad">failed</td>${'<td></td>'.repeat(5)}</tr>`;
  const rate =
    figures.gigabytes === undefined ? whole(figures.requestsPerSecond) : `${figures.gigabytes.toFixed(2)} GB`;
  const range = `${short(figures.slowest)} to ${short(figures.fastest)}`;
  return [
    `<tr class="${first ? 'new' : ''}">${name}<td title="${range}">${rate}</td>${comparison(cell, last)}`,
    `<td>${whole(figures.p50Ms * 1000)}</td><td>${whole(figures.p99Ms * 1000)}</td>`,
    `<td>${figures.clientMicroseconds.toFixed(2)} + ${figures.serverMicroseconds.toFixed(2)}</td><td>${goals.join('')}</td></tr>`,
  ].join('');
}

/** Every figure of a run, with what became of its goals and how it was in the last run. */
export function drawPageTable({ cells }: RunReport, last: RunReport | undefined): string {
  const heads = HEADS.map((head) => `<th>${head}</th>`).join('');
  const lines = cells.map((cell, i) => line(cell, cell.id !== cells[i - 1]?.id, last));
  return `<div class="scroll"><table><thead><tr>${heads}</tr></thead><tbody>${lines.join('\n')}</tbody></table></div>`;
}
