import type { Timing } from '../run/commands.ts';
import type { CellResult } from '../run/cell-result.ts';
import { keepAwake } from '../run/processes.ts';
import { HAS_WRK } from './load.ts';
import { OTHERS } from './others/index.ts';
import type { HttpRow } from './rows.ts';
import type { RunningRow, RunningRows } from './running-rows.ts';
import { type Workload, WORKLOADS } from './workloads.ts';

const AUTOCANNON =
  'load by autocannon, which shares the cores and knows whole milliseconds only; install wrk for better figures';

/** Notes on the figures: which rows are missing and what they need, and a poor load program. */
export function httpNotes(): string[] {
  const missing = Object.entries(OTHERS).flatMap(([id, other]) => {
    const needs = other.missing();
    return needs === undefined ? [] : [`the row ${id} is missing: it needs ${needs}`];
  });
  return HAS_WRK ? missing : [...missing, AUTOCANNON];
}

/** Tests whether what a row runs is installed. */
export function isInstalled({ id }: HttpRow): boolean {
  return OTHERS[id]?.missing() === undefined;
}

/** Seconds of the first load of a proxy, after which its code is compiled. */
const FIRST_WARMUP_SECONDS = 5;
/** Seconds of each later load before it is measured. */
const WARMUP_SECONDS = 1;

/** Runs one proxy between a load program and an upstream, each in a process of its own on any core. */
export async function runHttpCell(
  row: HttpRow,
  inFlight: number,
  { seconds }: Timing,
  rows: RunningRows,
): Promise<CellResult> {
  const { load } = WORKLOADS[row.workload];
  const isFirst = !rows.has(row);
  try {
    const running = await rows.get(row);
    const url = `${running.address}/api/v2/accounts/1?full=1`;
    if (isFirst) await load(url, Math.max(...row.loads.map((one) => one.inFlight)), FIRST_WARMUP_SECONDS);
    return await measure(running, load, url, inFlight, seconds);
  } catch (error) {
    await rows.end(row);
    throw error;
  }
}

async function measure(
  { proxy, agents }: RunningRow,
  load: Workload['load'],
  url: string,
  inFlight: number,
  seconds: number,
): Promise<CellResult> {
  await using stack = new AsyncDisposableStack();
  if (inFlight === 1) for (const one of keepAwake()) stack.use(one);
  await load(url, inFlight, WARMUP_SECONDS);
  const agentSeconds = (): number => agents.reduce((sum, one) => sum + one.cpuSeconds(), 0);
  const [proxyBefore, agentsBefore] = [proxy.cpuSeconds(), agentSeconds()];
  const { requests, requestsPerSecond, p50Ms, p99Ms, failed } = await load(url, inFlight, seconds);
  const perRequest = (used: number): number => (used * 1e6) / Math.max(1, requests);
  const client = perRequest(proxy.cpuSeconds() - proxyBefore);
  const server = perRequest(agentSeconds() - agentsBefore);
  return {
    requestsPerSecond,
    latencyMs: { p50: p50Ms, p99: p99Ms },
    errors: failed > 0 ? { 'failed request': failed } : {},
    cpuMicroseconds: { client, server },
    rssBytes: Math.max(proxy.rssBytes(), ...agents.map((one) => one.rssBytes())),
    // the load program, the upstream and others cannot be told apart here
    others: 0,
  };
}
