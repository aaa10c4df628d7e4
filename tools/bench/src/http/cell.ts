import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Row } from '../plan/row.ts';
import type { CellOptions } from '../run/cell.ts';
import type { CellResult } from '../run/cell-result.ts';
import { keepAwake, Program } from '../run/processes.ts';
import { HAS_WRK, loadHttp } from './load.ts';

const program = (name: string): string => fileURLToPath(new URL(`../programs/${name}.ts`, import.meta.url));

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

/** Runs one proxy between a load program and an upstream, each in a process of its own on any core. */
export async function runHttpCell(row: Row, connections: number, options: CellOptions): Promise<CellResult> {
  const path = join(tmpdir(), `agentwire-bench-http-${process.pid}.sock`);
  await using stack = new AsyncDisposableStack();
  stack.defer(() => rm(path, { force: true }));
  const upstream = await start(stack, [program('upstream')]);
  const agent = await start(stack, [program('serve'), 'uds-msgpack', `unix:${path}`]);
  const profile =
    options.profiles === undefined
      ? []
      : [
          '--cpu-prof',
          `--cpu-prof-dir=${options.profiles}`,
          `--cpu-prof-name=http-${row.id}-${connections}.cpuprofile`,
        ];
  const proxy = await start(stack, [...profile, program('proxy'), row.id, upstream.address, agent.address]);
  const url = `${proxy.address}/api/v2/accounts/1?full=1`;
  if (connections === 1) for (const one of keepAwake()) stack.use(one);
  await loadHttp(url, connections, options.warmupSeconds);
  const before = [performance.now() / 1000, proxy.one.cpuSeconds(), agent.one.cpuSeconds()];
  const { requestsPerSecond, p50Ms, p99Ms, failed } = await loadHttp(url, connections, options.seconds);
  const after = [performance.now() / 1000, proxy.one.cpuSeconds(), agent.one.cpuSeconds()];
  const [elapsed = 1, proxyUsed = 0, agentUsed = 0] = after.map((value, i) => value - (before[i] ?? 0));
  const perRequest = (used: number): number => (used * 1e6) / elapsed / Math.max(1, requestsPerSecond);
  return {
    requestsPerSecond,
    latencyMs: { p50: p50Ms, p99: p99Ms },
    errors: failed > 0 ? { 'failed request': failed } : {},
    cpuMicroseconds: { client: perRequest(proxyUsed), server: perRequest(agentUsed) },
    rssBytes: Math.max(proxy.one.rssBytes(), agent.one.rssBytes()),
    // the load program, the upstream and others cannot be told apart here
    others: 0,
  };
}
