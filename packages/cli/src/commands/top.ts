import { setTimeout as sleep } from 'node:timers/promises';
import { AgentwireError } from '@agentwire/core';
import type { Command } from 'commander';
import type { CommandContext } from '../command-context.ts';
import { jsonLine, line } from '../output/terminal.ts';
import { readTop, type TimedPage, type TopReading } from '../top/top-reading.ts';
import {
  drawTop,
  keysOf,
  pressKey,
  screenSize,
  SORT_KEYS,
  sortedAgents,
  type SortKey,
  type TopView,
} from '../top/top-screen.ts';
import { UsageError } from '../usage-error.ts';

interface TopFlags {
  readonly once?: boolean;
  readonly json?: boolean;
  readonly intervalMs: string;
  readonly sort: string;
  readonly agent?: string;
}

const EXAMPLE = 'agentwire top http://127.0.0.1:9901';
const HINT = `give it the address of a gateway's admin server (--admin HOST:PORT, or admin in its file): ${EXAMPLE}`;
const MAX_PAGE_BYTES = 64 * 1024 ** 2;
const FETCH_TIMEOUT_MS = 5_000;
/** Readings that are kept for the sparklines. */
const MAX_HISTORY = 30;

function metricsUrl(word: string): URL {
  if (!URL.canParse(word) || !/^https?:$/.test(new URL(word).protocol))
    throw new UsageError(
      word.startsWith('unix:')
        ? `${word} cannot be read by top: give the admin server a HOST:PORT`
        : `${word} is no http:// URL of an admin server: it is the address that the gateway printed behind "admin"`,
      EXAMPLE,
    );
  const url = new URL(word);
  if (url.pathname === '/') url.pathname = '/metrics';
  return url;
}

/** Returns what a status other than 200 most likely means, and what to do. */
function refusalOf({ status }: Response): string {
  if (status === 403) return 'an admin server takes localhost and IP addresses; others are named with --admin-host';
  return HINT;
}

/** Reads the page of metrics. @param ended ends it too. @throws AgentwireError `ERR_CONNECT`, `ERR_PROTOCOL`, `ERR_MESSAGE_TOO_LARGE` */
async function fetchPage(url: URL, ended?: AbortSignal): Promise<TimedPage> {
  try {
    return await readPage(url, ended);
  } catch (error) {
    if (error instanceof AgentwireError) throw error;
    const { cause, message } = error as Error;
    const reason = (cause as Error | undefined)?.message ?? message;
    throw new AgentwireError('ERR_CONNECT', `${url.href} cannot be read: ${reason}; ${HINT}`);
  }
}

async function readPage(url: URL, ended?: AbortSignal): Promise<TimedPage> {
  const timeout = AbortSignal.timeout(FETCH_TIMEOUT_MS);
  const signal = ended === undefined ? timeout : AbortSignal.any([timeout, ended]);
  const response = await fetch(url, { signal, headers: { accept: 'text/plain;version=0.0.4' } });
  const atMs = performance.now();
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new AgentwireError('ERR_PROTOCOL', `${url.href} answered ${response.status}: ${refusalOf(response)}`);
  }
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    if (text.length > MAX_PAGE_BYTES)
      throw new AgentwireError('ERR_MESSAGE_TOO_LARGE', `${url.href} has a page of more than ${MAX_PAGE_BYTES} bytes`);
  }
  if (!/^(?:agent_connections_active|agent_requests_total|gateway_)/m.test(text))
    throw new AgentwireError('ERR_PROTOCOL', `${url.href} has no metrics of agentwire: ${HINT}`);
  return { atMs, text };
}

function onlyAgent(reading: TopReading, agent: string | undefined): TopReading {
  return agent === undefined ? reading : { ...reading, agents: reading.agents.filter((row) => row.agent === agent) };
}

async function once(
  url: URL,
  intervalMs: number,
  view: TopView,
  flags: TopFlags,
  context: CommandContext,
): Promise<void> {
  const { stdout } = context.terminal;
  const before = await fetchPage(url);
  await sleep(intervalMs);
  const reading = onlyAgent(readTop(before, await fetchPage(url)), view.only);
  if (flags.json === true) jsonLine(stdout, reading);
  else
    for (const text of drawTop([reading], view, { ...screenSize(stdout), rows: 1_000 }).slice(0, -2))
      line(stdout, text);
}

/** Draws until a key or a signal ends it; without a terminal it prints one screen or document after the other. */
async function live(
  url: URL,
  intervalMs: number,
  first: TopView,
  flags: TopFlags,
  context: CommandContext,
): Promise<void> {
  const { stdout } = context.terminal;
  const isScreen = (stdout as NodeJS.WriteStream).isTTY && flags.json !== true;
  const ended = new AbortController();
  const end = (): void => ended.abort();
  let view = first;
  const history: TopReading[] = [];
  const draw = (): void => {
    const lines = drawTop(history, view, screenSize(stdout));
    // the cursor goes home and each line is erased to its end, so that nothing flickers; a line feed after the last would scroll
    stdout.write(`\u001b[H${lines.map((text) => `${text}\u001b[K`).join('\n')}\u001b[J`);
  };
  const onKey = (key: Buffer): void => {
    const reading = history.at(-1);
    for (const one of keysOf(key.toString('latin1'))) {
      const agents = reading === undefined ? [] : sortedAgents(reading, view.sort).map(({ agent }) => agent);
      const next = pressKey(one, view, agents);
      if (next === undefined) return end();
      view = next;
    }
    draw();
  };
  const { stdin } = process;
  const hasKeys = isScreen && stdin.isTTY;
  if (isScreen) stdout.on('resize', draw).write('\u001b[?1049h\u001b[?25l');
  if (hasKeys) stdin.setRawMode(true).on('data', onKey);
  process.once('SIGINT', end).once('SIGTERM', end);
  try {
    let before = await fetchPage(url, ended.signal);
    while (!ended.signal.aborted) {
      await sleep(intervalMs, undefined, { signal: ended.signal }).catch(() => undefined);
      if (ended.signal.aborted) return;
      const after = await fetchPage(url, ended.signal).catch((error: unknown) => {
        if (ended.signal.aborted) return undefined;
        // a gateway that restarts comes back; without a screen that would go unseen
        if (!isScreen) throw error;
        view = { ...view, notice: (error as Error).message };
        draw();
      });
      if (after === undefined) continue;
      view = { ...view, notice: undefined };
      if (!view.paused) {
        history.push(readTop(before, after));
        if (history.length > MAX_HISTORY) history.shift();
      }
      before = after;
      const reading = history.at(-1);
      if (isScreen) draw();
      else if (reading !== undefined) jsonLine(stdout, onlyAgent(reading, view.only));
    }
  } catch (error) {
    // what was being read when it was ended
    if (!ended.signal.aborted) throw error;
  } finally {
    process.off('SIGINT', end).off('SIGTERM', end);
    if (hasKeys) stdin.off('data', onKey).setRawMode(false).pause();
    if (isScreen) stdout.off('resize', draw).write('\u001b[?25h\u001b[?1049l');
  }
}

async function run(word: string, flags: TopFlags, context: CommandContext): Promise<void> {
  const url = metricsUrl(word);
  const intervalMs = Number(flags.intervalMs);
  if (!Number.isInteger(intervalMs) || intervalMs < 100 || intervalMs > 3_600_000)
    throw new UsageError('--interval-ms takes a number from 100 to 3600000', EXAMPLE);
  if (!SORT_KEYS.includes(flags.sort as SortKey)) throw new UsageError(`--sort takes ${SORT_KEYS.join(', ')}`, EXAMPLE);
  const view: TopView = { sort: flags.sort as SortKey, paused: false, only: flags.agent };
  await (flags.once === true ? once : live)(url, intervalMs, view, flags, context);
}

/** `agentwire top`: a gateway and its agents, live. */
export function addTopCommand(program: Command, context: CommandContext): void {
  program
    .command('top')
    .description('a gateway and its agents, live: rates, latencies, queues, circuit breakers, errors')
    .argument('<admin-url>', 'admin server of a gateway (agentwire gateway --admin HOST:PORT)')
    .option('--once', 'measure one interval, print it and end')
    .option('--json', 'one JSON document per interval')
    .option('--interval-ms <n>', 'length of an interval', '2000')
    .option('--sort <column>', SORT_KEYS.join(', '), 'agent')
    .option('--agent <name>', 'show one agent')
    .showHelpAfterError(`for example: ${EXAMPLE}`)
    .action((word: string, flags: TopFlags) => run(word, flags, context));
}
