import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CellOptions } from '../run/cell.ts';
import type { CellResult } from '../run/cell-result.ts';
import { freePort, keepAwake, Program } from '../run/processes.ts';
import { HAS_WRK } from './load.ts';
import { OTHERS } from './others/index.ts';
import { type OtherProxy, Place } from './others/other-proxy.ts';
import type { HttpRow } from './rows.ts';
import { program, WORKLOADS } from './workloads.ts';

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

/** A row's proxy, its agents, and the address that clients are given. */
interface Running {
  readonly proxy: Program;
  readonly agents: readonly Program[];
  readonly address: string;
}

async function startNode(
  stack: AsyncDisposableStack,
  row: HttpRow,
  upstream: string,
  flags: readonly string[],
): Promise<Running> {
  const agents: { one: Program; address: string }[] = [];
  for (const agent of row.agents) {
    const path = join(tmpdir(), `agentwire-bench-http-${process.pid}-${agents.length}.sock`);
    stack.defer(() => rm(path, { force: true }));
    agents.push(await start(stack, [program('serve'), agent, `unix:${path}`]));
  }
  const addresses = agents.map(({ address }) => address);
  const proxy = await start(stack, [...flags, program('proxy'), row.id, upstream, ...addresses]);
  return { proxy: proxy.one, agents: agents.map(({ one }) => one), address: proxy.address };
}

async function startOther(stack: AsyncDisposableStack, other: OtherProxy, upstream: string): Promise<Running> {
  const folder = await mkdtemp(join(tmpdir(), 'agentwire-bench-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const port = await freePort();
  const started = await other.start(new Place(stack, folder, port, Number(new URL(upstream).port)));
  return { ...started, address: `http://127.0.0.1:${port}` };
}

/** Runs one proxy between a load program and an upstream, each in a process of its own on any core. */
export async function runHttpCell(row: HttpRow, inFlight: number, options: CellOptions): Promise<CellResult> {
  await using stack = new AsyncDisposableStack();
  const { upstream: upstreamProgram, load } = WORKLOADS[row.workload];
  const upstream = await start(stack, [program(upstreamProgram)]);
  const other = OTHERS[row.id];
  const { proxy, agents, address } =
    other === undefined
      ? await startNode(stack, row, upstream.address, profileFlags(row, inFlight, options))
      : await startOther(stack, other, upstream.address);
  const url = `${address}/api/v2/accounts/1?full=1`;
  if (inFlight === 1) for (const one of keepAwake()) stack.use(one);
  await load(url, inFlight, options.warmupSeconds);
  const agentSeconds = (): number => agents.reduce((sum, one) => sum + one.cpuSeconds(), 0);
  const [proxyBefore, agentsBefore] = [proxy.cpuSeconds(), agentSeconds()];
  const { requests, requestsPerSecond, p50Ms, p99Ms, failed } = await load(url, inFlight, options.seconds);
  const perRequest = (seconds: number): number => (seconds * 1e6) / Math.max(1, requests);
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
