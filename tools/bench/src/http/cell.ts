import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CellOptions } from '../run/cell.ts';
import type { CellResult } from '../run/cell-result.ts';
import { keepAwake, Program } from '../run/processes.ts';
import { HAS_WRK } from './load.ts';
import type { HttpRow } from './rows.ts';
import { program, WORKLOADS } from './workloads.ts';

/** Notes on the figures. */
export function httpNotes(): string[] {
  if (HAS_WRK) return [];
  return [
    'load by autocannon, which shares the cores and knows whole milliseconds only; install wrk for better figures',
  ];
}

async function start(
  stack: AsyncDisposableStack,
  command: readonly string[],
): Promise<{ one: Program; address: string }> {
  const one = stack.use(new Program([process.execPath, ...command], undefined));
  return { one, address: (JSON.parse(await one.line()) as { readonly address: string }).address };
}

function profileFlags(row: HttpRow, inFlight: number, { profiles }: CellOptions): string[] {
  if (profiles === undefined) return [];
  return ['--cpu-prof', `--cpu-prof-dir=${profiles}`, `--cpu-prof-name=http-${row.id}-${inFlight}.cpuprofile`];
}

/** Runs one proxy between a load program and an upstream, each in a process of its own on any core. */
export async function runHttpCell(row: HttpRow, inFlight: number, options: CellOptions): Promise<CellResult> {
  await using stack = new AsyncDisposableStack();
  const { upstream: upstreamProgram, load } = WORKLOADS[row.workload];
  const upstream = await start(stack, [program(upstreamProgram)]);
  const agents: { one: Program; address: string }[] = [];
  for (const agent of row.agents) {
    const path = join(tmpdir(), `agentwire-bench-http-${process.pid}-${agents.length}.sock`);
    stack.defer(() => rm(path, { force: true }));
    agents.push(await start(stack, [program('serve'), agent, `unix:${path}`]));
  }
  const addresses = agents.map(({ address }) => address);
  const flags = profileFlags(row, inFlight, options);
  const proxy = await start(stack, [...flags, program('proxy'), row.id, upstream.address, ...addresses]);
  const url = `${proxy.address}/api/v2/accounts/1?full=1`;
  if (inFlight === 1) for (const one of keepAwake()) stack.use(one);
  await load(url, inFlight, options.warmupSeconds);
  const agentSeconds = (): number => agents.reduce((sum, { one }) => sum + one.cpuSeconds(), 0);
  const [proxyBefore, agentsBefore] = [proxy.one.cpuSeconds(), agentSeconds()];
  const { requests, requestsPerSecond, p50Ms, p99Ms, failed } = await load(url, inFlight, options.seconds);
  const perRequest = (seconds: number): number => (seconds * 1e6) / Math.max(1, requests);
  const client = perRequest(proxy.one.cpuSeconds() - proxyBefore);
  const server = perRequest(agentSeconds() - agentsBefore);
  return {
    requestsPerSecond,
    latencyMs: { p50: p50Ms, p99: p99Ms },
    errors: failed > 0 ? { 'failed request': failed } : {},
    cpuMicroseconds: { client, server },
    rssBytes: Math.max(proxy.one.rssBytes(), ...agents.map(({ one }) => one.rssBytes())),
    // the load program, the upstream and others cannot be told apart here
    others: 0,
  };
}
