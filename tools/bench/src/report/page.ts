import type { RunReport } from './run-report.ts';
export function drawPage(report: RunReport, _last: RunReport | undefined): string { return JSON.stringify(report); }
