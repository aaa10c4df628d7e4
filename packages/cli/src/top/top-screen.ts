import { printableStart } from '@agentwire/core/internal';
import { drawTable } from '../output/table.ts';
import type { AgentRow, Percentiles, TargetRow, TopReading } from './top-reading.ts';

/** Columns that agents can be sorted by. */
export const SORT_KEYS = ['agent', 'rate', 'p99', 'inflight', 'queue', 'errors'] as const;
export type SortKey = (typeof SORT_KEYS)[number];

/** Choices made with the keyboard. */
export interface TopView {
  readonly sort: SortKey;
  readonly paused: boolean;
  /** Agent that is shown alone; `undefined`: all. */
  readonly only: string | undefined;
  /** Reason for which the last page could not be read. */
  readonly notice?: string | undefined;
}

/** Size of the screen in characters. */
export interface ScreenSize {
  readonly columns: number;
  readonly rows: number;
}

/** Returns the size of a terminal; 120 by 40 for what is none, and for one that does not know its size and has 0. */
export function screenSize(stream: object): ScreenSize {
  const { columns, rows } = stream as Partial<ScreenSize>;
  return { columns: columns || 120, rows: rows || 40 };
}

const SPARKS = '▁▂▃▄▅▆▇█';

/** Draws numbers as a line of bars from 0 to the largest of them. */
export function sparkline(values: readonly number[]): string {
  const most = Math.max(...values, 0);
  return values.map((value) => SPARKS[most === 0 ? 0 : Math.round((value / most) * 7)]).join('');
}

function short(value: number): string {
  if (value >= 1e6) return `${(value / 1e6).toFixed(1)}M`;
  if (value >= 1e4) return `${(value / 1e3).toFixed(1)}k`;
  return value >= 100 || Number.isInteger(value) ? value.toFixed(0) : value.toFixed(1);
}

const ms = (value: number | null): string =>
  value === null ? '–' : value >= 100 ? value.toFixed(0) : value.toFixed(1);
const times = ({ p50, p95, p99 }: Percentiles): string[] => [ms(p50), ms(p95), ms(p99)];

const safe = (text: string, max = 32): string => printableStart(text, max);

const total = (rates: Readonly<Record<string, number>>): number => Object.values(rates).reduce((a, b) => a + b, 0);

const ORDER: Readonly<Record<SortKey, (row: AgentRow) => number>> = {
  agent: () => 0,
  rate: ({ ratePerSecond }) => ratePerSecond,
  p99: ({ p99 }) => p99 ?? -1,
  inflight: ({ inFlight }) => inFlight,
  queue: ({ queued }) => queued,
  errors: ({ errorsPerSecond, failuresPerSecond }) => Math.max(total(errorsPerSecond), total(failuresPerSecond)),
};

/** Returns the agents of a reading in the order of the screen. */
export function sortedAgents({ agents }: TopReading, sort: SortKey): readonly AgentRow[] {
  return agents.toSorted((a, b) => ORDER[sort](b) - ORDER[sort](a));
}

const list = (rates: Readonly<Record<string, number>>): string =>
  Object.entries(rates)
    .toSorted(([, a], [, b]) => b - a)
    .map(([name, rate]) => `${safe(name)} ${short(rate)}/s`)
    .join(', ');

/** Returns the line about targets of upstreams, with those that get no requests; none where no upstream has a name. */
function targetLines(targets: readonly TargetRow[]): string[] {
  if (targets.length === 0) return [];
  const out = targets.filter(({ state }) => state !== 'healthy');
  const named = out.map(({ upstream, target, state }) => `${safe(upstream)} ${safe(target, 64)} ${state}`);
  return [[`targets ${targets.length - out.length} of ${targets.length} healthy`, ...named].join('   ')];
}

/**
 * Draws the screen.
 *
 * @param history readings, the last one is shown; those before give the sparklines
 * @returns lines, none wider and not more than the screen
 */
export function drawTop(
  history: readonly TopReading[],
  view: TopView,
  { columns, rows }: ScreenSize,
): readonly string[] {
  const reading = history.at(-1);
  if (reading === undefined) return ['waiting for the first measurement …'];
  const { gateway } = reading;
  const [p50, p95, p99] = times(gateway);
  const past = (of: (one: TopReading) => number): string => sparkline(history.slice(-30).map(of));
  const agents = sortedAgents(reading, view.sort).filter(({ agent }) => view.only === undefined || agent === view.only);
  const table = drawTable(
    [
      { title: 'AGENT' },
      ...['REQ/S', 'P50', 'P95', 'P99', 'FLIGHT', 'QUEUE', 'CONNS'].map((title) => ({
        title,
        align: 'right' as const,
      })),
      { title: 'BREAKER' },
      { title: 'FLOW' },
      { title: 'FAILED/S', align: 'right' },
      { title: 'ERRORS' },
      { title: 'LAST MINUTE' },
    ],
    // no more than fit: a page may have a hundred thousand
    agents
      .slice(0, rows)
      .map((row) => [
        safe(row.agent),
        short(row.ratePerSecond),
        ...times(row),
        short(row.inFlight),
        short(row.queued),
        short(row.connections),
        row.breaker,
        row.flow,
        short(total(row.failuresPerSecond)),
        list(row.errorsPerSecond) || '–',
        past((one) => one.agents.find(({ agent }) => agent === row.agent)?.ratePerSecond ?? 0),
      ]),
  );
  const lines = [
    `agentwire top${view.paused ? ' — paused' : ''}${view.notice === undefined ? '' : ` — ${printableStart(view.notice)}`}`,
    '',
    `requests ${short(gateway.ratePerSecond)}/s   p50 ${p50} ms   p95 ${p95} ms   p99 ${p99} ms   ${past((one) => one.gateway.ratePerSecond)}`,
    `active ${short(gateway.active)}   upstream ${short(gateway.upstreamConnections)} in use, ${short(gateway.queued)} waiting   in ${short(gateway.bytesInPerSecond)} B/s   out ${short(gateway.bytesOutPerSecond)} B/s   event loop ${ms(gateway.eventLoopLagMs)} ms`,
    `decisions ${list(gateway.decisionsPerSecond) || '–'}${gateway.cachedPerSecond > 0 ? `   from the cache ${short(gateway.cachedPerSecond)}/s` : ''}`,
    ...targetLines(gateway.targets),
    '',
    ...table.split('\n'),
  ];
  const keys = `s sort: ${view.sort}   1–9 one agent, 0 all   p pause   q quit`;
  const cut = (text: string): string => (text.length > columns ? `${text.slice(0, columns - 1)}…` : text);
  return [...lines.slice(0, Math.max(1, rows - 2)), '', keys].slice(-Math.max(1, rows)).map(cut);
}

/** Sequences of keys such as arrows, which have digits and letters in them. */
// oxlint-disable-next-line no-control-regex
const ESCAPE_SEQUENCE = /\u001B(?:\[[0-9;?]*[A-Za-z~]|O[A-Za-z])?/g;

/** Returns the keys of what a terminal has sent, without those that are sequences. */
export function keysOf(input: string): readonly string[] {
  return input.replaceAll(ESCAPE_SEQUENCE, '').split('');
}

/**
 * Returns the view after a key; `undefined` where it ends the program.
 *
 * @param agents names in the order of the screen
 */
export function pressKey(key: string, view: TopView, agents: readonly string[]): TopView | undefined {
  // Ctrl-C is a key in raw mode
  if (key === 'q' || key === '\u0003') return undefined;
  if (key === 'p' || key === ' ') return { ...view, paused: !view.paused };
  if (key === 's') {
    const next = SORT_KEYS[(SORT_KEYS.indexOf(view.sort) + 1) % SORT_KEYS.length] ?? 'agent';
    return { ...view, sort: next };
  }
  if (key === '0') return { ...view, only: undefined };
  if (/^[1-9]$/.test(key)) return { ...view, only: agents[Number(key) - 1] ?? view.only };
  return view;
}
