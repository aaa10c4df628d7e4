import type { Result } from './checks.ts';

/** The results as aligned text, findings below. */
export function drawResults(results: readonly Result[]): string {
  const rows = [
    ['package', 'tarball', 'unpacked', 'files', 'import', 'outside packages loaded', ''],
    ...results.map((one) => [
      one.package,
      `${Math.round(one.tarballBytes / 1000)} kB`,
      `${Math.round(one.unpackedBytes / 1000)} kB`,
      String(one.files),
      `${one.importMs} ms`,
      one.outside.join(' ') || '-',
      one.findings.length === 0 ? 'ok' : 'FAILED',
    ]),
  ];
  const widths = (rows[0] ?? []).map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)));
  const pad = (text: string, at: number): string =>
    at >= 1 && at <= 4 ? text.padStart(widths[at] ?? 0) : text.padEnd(widths[at] ?? 0);
  const lines = rows.map((row) => row.map(pad).join('  ').trimEnd());
  const findings = results.flatMap((one) => one.findings.map((text) => `${one.package}: ${text}`));
  return [...lines, ...(findings.length > 0 ? ['', ...findings] : [])].join('\n');
}
