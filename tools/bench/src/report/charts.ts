/** A line of a chart. */
export interface Series {
  readonly name: string;
  /** A CSS colour. */
  readonly colour: string;
  readonly dashed?: boolean;
  readonly points: readonly (readonly [x: number, y: number])[];
}

/** A bar of two parts. */
export interface Bar {
  readonly name: string;
  readonly colour: string;
  readonly parts: readonly number[];
  readonly note: string;
}

const WIDTH = 1040;
const HISTOGRAM_WIDTH = 360;

/** Text that may stand in a page. */
export function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

/** A number as people read it: `1 234`, `12 k`, `1.2 M`. */
export function short(value: number): string {
  if (value >= 1e6) return `${(value / 1e6).toFixed(1)} M`;
  if (value >= 1e4) return `${Math.round(value / 1e3)} k`;
  return value >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(2)));
}

function svg(height: number, title: string, content: string): string {
  return `<svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escapeText(title)}">${content}</svg>`;
}

function label(x: number, y: number, anchor: 'start' | 'middle' | 'end', content: string, kind = 'tick'): string {
  return `<text x="${x}" y="${y}" text-anchor="${anchor}" class="${kind}">${escapeText(content)}</text>`;
}

/** Bars from left to right, one below the other. */
export function drawBars(title: string, bars: readonly Bar[]): string {
  const most = Math.max(1e-9, ...bars.map(({ parts }) => parts.reduce((sum, part) => sum + part, 0)));
  const left = 380;
  const scale = (WIDTH - left - 120) / most;
  const content = bars.map(({ name, colour, parts, note }, row) => {
    const y = row * 24;
    let x = left;
    const drawn = parts.map((part, i) => {
      const width = part * scale;
      const one = `<rect x="${x.toFixed(1)}" y="${y + 4}" width="${Math.max(0, width).toFixed(1)}" height="15" rx="2" fill="${colour}" opacity="${i === 0 ? 1 : 0.5}"/>`;
      x += width;
      return one;
    });
    return label(left - 10, y + 16, 'end', name, 'name') + drawn.join('') + label(x + 8, y + 16, 'start', note);
  });
  return svg(bars.length * 24 + 6, title, content.join(''));
}

/** Lines over steps that are equally far apart, whatever their numbers. @param most the upper end of the scale */
export function drawSteps(title: string, steps: readonly number[], series: readonly Series[], most: number): string {
  const [left, top, right, bottom] = [60, 12, WIDTH - 200, 262];
  const x = (step: number): number => left + ((steps.indexOf(step) + 0.5) * (right - left)) / Math.max(1, steps.length);
  const y = (value: number): number => bottom - (value / most) * (bottom - top);
  const grid = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const at = y(share * most).toFixed(1);
    return `<line x1="${left}" x2="${right}" y1="${at}" y2="${at}" class="grid"/>${label(left - 8, Number(at) + 4, 'end', short(share * most))}`;
  });
  const marks = steps.map((step) => label(x(step), bottom + 20, 'middle', `${step} in flight`));
  const names = spread(
    series.flatMap((one) => {
      const last = one.points.at(-1);
      return last === undefined ? [] : [{ one, at: y(last[1]) }];
    }),
  );
  const lines = series.map(({ colour, points, dashed, name }) => {
    const path = points.map(([at, value]) => `${x(at).toFixed(1)},${y(value).toFixed(1)}`).join(' ');
    const dots = points.map(
      ([at, value]) =>
        `<circle cx="${x(at).toFixed(1)}" cy="${y(value).toFixed(1)}" r="3.5" fill="${colour}"><title>${escapeText(name)}, ${at} in flight: ${short(value)}</title></circle>`,
    );
    return `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"${dashed === true ? ' stroke-dasharray="5 4"' : ''}/>${dots.join('')}`;
  });
  const keys = names.map(
    ({ one, at }) =>
      `<text x="${right + 10}" y="${(at + 4).toFixed(1)}" fill="${one.colour}" class="key">${escapeText(one.name)}</text>`,
  );
  return svg(290, title, [...grid, ...marks, ...lines, ...keys].join(''));
}

/** Moves names apart that would cover each other. */
function spread<T extends { at: number }>(names: readonly T[]): T[] {
  const sorted = names.map((one) => ({ ...one })).toSorted((a, b) => a.at - b.at);
  for (let i = 1; i < sorted.length; i++) {
    const [before, one] = [sorted[i - 1], sorted[i]];
    if (before !== undefined && one !== undefined && one.at < before.at + 14) one.at = before.at + 14;
  }
  const over = Math.max(0, (sorted.at(-1)?.at ?? 0) - 280);
  return sorted.map((one) => ({ ...one, at: one.at - over }));
}

/** A histogram of latencies on a logarithmic scale. @param edges in milliseconds, one fewer than there are counts */
export function drawHistogram(
  title: string,
  edges: readonly number[],
  counts: readonly number[],
  colour: string,
): string {
  const [left, top, bottom] = [10, 8, 120];
  const width = (HISTOGRAM_WIDTH - 2 * left) / Math.max(1, counts.length);
  const most = Math.max(1, ...counts);
  const bars = counts.map((count, bin) => {
    const height = count === 0 ? 0 : Math.max(1, (count / most) * (bottom - top));
    const from = bin === 0 ? 0 : (edges[bin - 1] ?? 0);
    return `<rect x="${(left + bin * width).toFixed(1)}" y="${(bottom - height).toFixed(1)}" width="${(width - 0.6).toFixed(1)}" height="${height.toFixed(1)}" fill="${colour}"><title>from ${short(from * 1000)} µs: ${count}</title></rect>`;
  });
  const marks = [0.01, 0.1, 1, 10, 100, 1000].map((ms) => {
    const bin = edges.findIndex((edge) => edge >= ms * 0.999) + 1;
    const at = left + bin * width;
    return `<line x1="${at.toFixed(1)}" x2="${at.toFixed(1)}" y1="${bottom}" y2="${bottom + 4}" class="grid"/>${label(at, bottom + 17, 'middle', ms < 1 ? `${ms * 1000} µs` : `${ms} ms`)}`;
  });
  return `<svg viewBox="0 0 ${HISTOGRAM_WIDTH} 142" role="img" aria-label="${escapeText(title)}">${bars.join('')}<line x1="${left}" x2="${HISTOGRAM_WIDTH - left}" y1="${bottom}" y2="${bottom}" class="grid"/>${marks.join('')}</svg>`;
}
