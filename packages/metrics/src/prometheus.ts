import { helpOf } from './families.ts';
import { type MetricFamily, writable } from './family.ts';
import { HistogramSeries, type Series } from './series.ts';

/** Text format: Prometheus 0.0.4 or OpenMetrics 1.0. */
export type ExportFormat = 'prometheus' | 'openmetrics';

/** `Content-Type` of each format. */
export const CONTENT_TYPES: Readonly<Record<ExportFormat, string>> = {
  prometheus: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
};

const escapeLabel = (text: string): string =>
  text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"');

function number(value: number): string {
  if (value === Infinity) return '+Inf';
  if (value === -Infinity) return '-Inf';
  return String(value);
}

/** OpenMetrics wants a decimal point in `le`, Prometheus takes either. */
const bound = (le: number, open: boolean): string =>
  open && Number.isInteger(le) && Math.abs(le) < 1e21 ? `${le}.0` : number(le);

function labelText(labels: Readonly<Record<string, string>>, extra = ''): string {
  const parts = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
  if (extra !== '') parts.push(extra);
  return parts.length === 0 ? '' : `{${parts.join(',')}}`;
}

function histogramLines(name: string, series: HistogramSeries, open: boolean): string {
  let count = 0;
  let text = '';
  for (const [at, one] of series.counts.entries()) {
    count += one;
    const le = bound(series.bounds[at] ?? Infinity, open);
    const exemplar = open ? series.exemplars[at] : undefined;
    const behind =
      exemplar === undefined
        ? ''
        : ` # {trace_id="${escapeLabel(exemplar.traceId)}"} ${number(exemplar.value)} ${(exemplar.timestampMs / 1000).toFixed(3)}`;
    text += `${name}_bucket${labelText(series.labels, `le="${le}"`)} ${number(count)}${behind}\n`;
  }
  const labels = labelText(series.labels);
  return `${text}${name}_sum${labels} ${number(series.sum)}\n${name}_count${labels} ${number(count)}\n`;
}

function lines(name: string, series: Series, open: boolean): string {
  return series instanceof HistogramSeries
    ? histogramLines(name, series, open)
    : `${name}${labelText(series.labels)} ${number(series.value)}\n`;
}

/** Length from which on a piece of a page is passed on, in characters. */
const PIECE_LENGTH = 16_384;

/** Yields the text of all metrics in one format, in pieces of about 16 000 characters that end with a line. */
export function* exportPieces(families: readonly MetricFamily[], format: ExportFormat): Generator<string> {
  const open = format === 'openmetrics';
  let text = '';
  for (const { name, type, help, series } of families) {
    // in OpenMetrics a counter's name has no _total, which its samples add
    const family = open && type === 'counter' ? name.replace(/_total$/, '') : name;
    const sample = open && type === 'counter' ? `${family}_total` : name;
    const escaped = writable(help.trim() === '' ? helpOf(name) : help)
      .replaceAll('\\', '\\\\')
      .replaceAll('\n', '\\n');
    const helpText = open ? escaped.replaceAll('"', '\\"') : escaped;
    text += `# HELP ${family} ${helpText}\n# TYPE ${family} ${type}\n`;
    for (const one of series) {
      text += lines(sample, one, open);
      if (text.length < PIECE_LENGTH) continue;
      yield text;
      text = '';
    }
  }
  yield open ? `${text}# EOF\n` : text;
}

/** Returns the text of all metrics in one format. */
export function exportText(families: readonly MetricFamily[], format: ExportFormat): string {
  return [...exportPieces(families, format)].join('');
}
