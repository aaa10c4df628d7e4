import { BIN_EDGES_MS } from '../run/bins.ts';
import { type Bar, drawBars, drawHistogram, drawSteps, escapeText, type Series, short } from './charts.ts';
import { COLOURS, LINE_COLOURS, STYLE } from './page-style.ts';
import { drawPageTable } from './page-table.ts';
import { noiseNotes } from './table.ts';
import type { ReportedCell, RunReport } from './run-report.ts';

const colourOf = ({ group }: ReportedCell): string => COLOURS[group] ?? 'currentColor';

/** The number in flight that most cells have, for figures that show one. */
function usualInFlight(cells: readonly ReportedCell[]): number {
  const usual = [64, 256, 1].find((one) => cells.some(({ inFlight }) => inFlight === one));
  return usual ?? cells[0]?.inFlight ?? 1;
}

function throughput(cells: readonly ReportedCell[]): string {
  const steps = [1, 64, 256].filter((step) => cells.some(({ inFlight }) => inFlight === step));
  const ids = [...new Set(cells.map(({ id }) => id))].filter(
    (id) =>
      cells.filter((cell) => cell.id === id && steps.includes(cell.inFlight)).length > 1 &&
      !id.includes('varied') &&
      !id.startsWith('memory') &&
      !/^(ours|crate)-to/.test(id),
  );
  const series = ids.map((id, i): Series => {
    const own = cells.filter((cell) => cell.id === id && cell.figures !== undefined && steps.includes(cell.inFlight));
    const colour = LINE_COLOURS[i % LINE_COLOURS.length] ?? 'currentColor';
    const points = own.map(({ inFlight, figures }) => [inFlight, figures?.requestsPerSecond ?? 0] as const);
    return { name: id, colour, dashed: own[0]?.group !== 'agentwire' && own[0]?.group !== 'http', points };
  });
  const ours = series.filter(({ dashed }) => dashed !== true);
  const others = series.filter(({ dashed }) => dashed === true);
  const most = Math.max(1, ...series.flatMap(({ points }) => points.map(([, y]) => y))) * 1.05;
  const draw = (caption: string, some: readonly Series[]): string =>
    some.length === 0
      ? ''
      : figure(caption, drawSteps('questions a second by how many are in flight', steps, some, most));
  return draw('ours', ours) + draw('yardsticks, and the crate with itself; the same scale', others);
}

function figure(caption: string, content: string): string {
  return `<figure>${caption === '' ? '' : `<figcaption>${escapeText(caption)}</figcaption>`}${content}</figure>`;
}

function rates(cells: readonly ReportedCell[]): string {
  const bars = cells.flatMap((cell): Bar[] => {
    const { figures, title } = cell;
    if (figures === undefined || figures.gigabytes !== undefined) return [];
    return [
      {
        name: title,
        colour: colourOf(cell),
        parts: [figures.requestsPerSecond],
        note: `${short(figures.requestsPerSecond)}/s`,
      },
    ];
  });
  return drawBars('questions a second', bars);
}

function processorTime(cells: readonly ReportedCell[]): string {
  const bars = cells.flatMap((cell): Bar[] => {
    const { figures, title } = cell;
    if (figures === undefined || figures.gigabytes !== undefined) return [];
    const { clientMicroseconds: client, serverMicroseconds: server } = figures;
    return [
      {
        name: title,
        colour: colourOf(cell),
        parts: [client, server],
        note: `${client.toFixed(1)} + ${server.toFixed(1)} µs`,
      },
    ];
  });
  return drawBars('processor time a question', bars);
}

function histograms(cells: readonly ReportedCell[]): string {
  const drawn = cells
    .filter(({ histogram }) => histogram.length > 0)
    .map((cell) => {
      const { title, inFlight, figures, histogram } = cell;
      const caption = `p50 ${short((figures?.p50Ms ?? 0) * 1000)} µs, p99 ${short((figures?.p99Ms ?? 0) * 1000)} µs`;
      const chart = drawHistogram(`latencies of ${title}`, BIN_EDGES_MS, histogram, colourOf(cell));
      return `<figure><h3>${escapeText(title)}, ${inFlight} in flight</h3><figcaption>${caption}</figcaption>${chart}</figure>`;
    });
  return `<div class="grids">${drawn.join('')}</div>`;
}

function tiles({ cells }: RunReport): string {
  const verdicts = cells.flatMap((cell) => cell.verdicts.filter(({ share }) => share !== undefined));
  const reached = verdicts.filter(({ share }) => (share ?? 0) >= 1).length;
  const best = cells
    .filter(
      ({ group, figures, id }) =>
        ['agentwire', 'http'].includes(group) && figures?.gigabytes === undefined && !id.includes('memory'),
    )
    .toSorted((a, b) => (b.figures?.requestsPerSecond ?? 0) - (a.figures?.requestsPerSecond ?? 0))
    .slice(0, 3);
  const all = [
    `<div class="tile"><b>${reached} of ${verdicts.length}</b><span>goals reached</span></div>`,
    ...best.map(
      ({ title, inFlight, figures }) =>
        `<div class="tile"><b>${short(figures?.requestsPerSecond ?? 0)}/s</b><span>${escapeText(title)}, ${inFlight} in flight</span></div>`,
    ),
  ];
  return `<div class="tiles">${all.join('')}</div>`;
}

/** Draws a run as one page that needs nothing else. @param last the run before, to compare with */
export function drawPage(report: RunReport, last: RunReport | undefined): string {
  const { cells, at, node, machine, rounds, seconds, missing, kind } = report;
  const usual = usualInFlight(cells);
  const usualCells = cells.filter(({ inFlight }) => inFlight === usual);
  const ends =
    kind === 'http' ? 'the proxy, and lighter the agent' : 'the asking process, and lighter the answering one';
  const shown = cells.filter(({ inFlight }) => inFlight === 1 || inFlight === usual);
  const parts = [
    `<h1>agentwire, ${kind === 'http' ? 'whole HTTP requests' : 'requests a second'}</h1>`,
    `<p>${escapeText(`${at.slice(0, 16).replace('T', ' ')} UTC · Node ${node} · ${machine} · medians of ${rounds} interleaved round(s) of ${seconds} s`)}</p>`,
    ...[...noiseNotes(cells), ...missing].map((note) => `<p>${escapeText(note)}</p>`),
    tiles(report),
    '<h2>Throughput by how many are in flight</h2>',
    throughput(cells),
    `<h2>Side by side, ${usual} in flight</h2><p>Ours in blue, the Rust crate in orange, yardsticks in grey. Ratios within one run count; rates depend on the machine and its neighbours.</p>`,
    figure('', rates(usualCells)),
    `<h2>Processor time a question, ${usual} in flight</h2><p>Dark is ${ends}.</p>`,
    figure('', processorTime(usualCells)),
    '<h2>Every figure and its goal</h2>',
    drawPageTable(report, last),
    shown.some(({ histogram }) => histogram.length > 0)
      ? `<h2>Latencies</h2><p>Logarithmic scale; all rounds together.</p>${histograms(shown)}`
      : '',
  ];
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>agentwire bench</title><style>${STYLE}</style></head><body><main>${parts.join('\n')}</main></body></html>\n`;
}
