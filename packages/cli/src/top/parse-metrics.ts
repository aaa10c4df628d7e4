/** One sample of a page of metrics. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  /** Labels as they are written: the same on every page of one writer. */
  readonly labelText: string;
  readonly value: number;
}

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/;
// a name is looked for where it begins only: a text of one long word would take the square of its length
const LABEL = /(?<!\w)([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g;
const ESCAPES: Readonly<Record<string, string>> = { '\\n': '\n', '\\"': '"', '\\\\': '\\' };

function numberOf(text: string): number {
  if (text === '+Inf') return Infinity;
  return text === '-Inf' ? -Infinity : Number(text);
}

/** Reads a page of metrics in Prometheus text; lines that are none are skipped. */
export function parseMetrics(page: string): Map<string, Sample[]> {
  const samples = new Map<string, Sample[]>();
  for (const line of page.split('\n')) {
    const [, name, labelText = '', value = ''] = LINE.exec(line) ?? [];
    if (name === undefined) continue;
    const labels = Object.fromEntries(
      [...labelText.matchAll(LABEL)].map(([, label = '', text = '']) => [
        label,
        text.replaceAll(/\\[n"\\]/g, (escape) => ESCAPES[escape] ?? escape),
      ]),
    );
    const list = samples.get(name);
    const sample = { labels, labelText, value: numberOf(value) };
    if (list === undefined) samples.set(name, [sample]);
    else list.push(sample);
  }
  return samples;
}
