import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Row } from '../plan/row.ts';
import type { CellResult } from './cell-result.ts';
import { addressIn, loadCommand, serveCommand, type Timing } from './commands.ts';
import { keepAwake, machineSeconds, Program } from './processes.ts';

/** Options of a cell. */
export interface CellOptions extends Timing {
  /** Folder for a CPU profile of each Node process; absent for none. */
  readonly profiles?: string | undefined;
}

type Measured = Pick<CellResult, 'requestsPerSecond' | 'latencyMs' | 'errors' | 'histogram'> & {
  readonly rssBytes?: number;
};

let runs = 0;

function profileFlags({ profiles }: CellOptions, row: Row, inFlight: number, end: string): string[] {
  if (profiles === undefined) return [];
  return ['--cpu-prof', `--cpu-prof-dir=${profiles}`, `--cpu-prof-name=${row.id}-${inFlight}-${end}.cpuprofile`];
}

/** Runs one row at one number in flight: the answering end on core 1, the asking end on core 0. */
export async function runCell(row: Row, inFlight: number, options: CellOptions): Promise<CellResult> {
  runs += 1;
  const path = join(tmpdir(), `agentwire-bench-${process.pid}-${runs}.sock`);
  const flags = (end: string): string[] => profileFlags(options, row, inFlight, end);
  await using stack = new AsyncDisposableStack();
  stack.defer(() => rm(path, { force: true }));
  let address = 'memory';
  let server: Program | undefined;
  if (row.place !== 'memory') {
    const where = row.place === 'uds' ? `unix:${path}` : '127.0.0.1:0';
    server = stack.use(new Program(serveCommand(row.server, where, flags('server')), 1));
    address = addressIn(row.server, await server.line());
  }
  const awake = inFlight === 1 ? keepAwake() : [];
  for (const one of awake) stack.use(one);
  const client = stack.use(new Program(loadCommand(row.client, address, inFlight, options, flags('client')), 0));
  if (row.client.by === 'node') await client.line();
  const use = watch(server, client, awake, options);
  const measured = JSON.parse(await client.line()) as Measured;
  const { clientCores, serverCores, others, serverRss } = await use;
  await client.ended();
  const { requestsPerSecond, latencyMs, errors, histogram, rssBytes = 0 } = measured;
  const perQuestion = (cores: number): number => (cores * 1e6) / Math.max(1, requestsPerSecond);
  return {
    requestsPerSecond,
    latencyMs: { p50: latencyMs.p50, p99: latencyMs.p99 },
    errors,
    histogram,
    cpuMicroseconds: { client: perQuestion(clientCores), server: perQuestion(serverCores) },
    rssBytes: Math.max(rssBytes, serverRss),
    others,
  };
}

interface Look {
  readonly at: number;
  readonly client: number;
  readonly server: number;
  readonly machine: number;
  readonly awake: number;
}

interface Use {
  readonly clientCores: number;
  readonly serverCores: number;
  readonly others: number;
  readonly serverRss: number;
}

const LOOK_EVERY_MS = 50;

/** Watches what both ends use of their cores, in the middle of the measured time and as long as both live. */
async function watch(
  server: Program | undefined,
  client: Program,
  awake: readonly Program[],
  { seconds, warmupSeconds }: Timing,
): Promise<Use> {
  const read = (): Look => ({
    at: performance.now(),
    client: client.cpuSeconds(),
    server: server?.cpuSeconds() ?? 0,
    machine: machineSeconds(),
    awake: awake.reduce((sum, one) => sum + one.cpuSeconds(), 0),
  });
  await wait((warmupSeconds + seconds * 0.05) * 1000);
  const first = read();
  let last = first;
  let serverRss = 0;
  while (last.at - first.at < seconds * 900) {
    await wait(LOOK_EVERY_MS);
    const look = read();
    // what has ended has used nothing any more, as far as the system says
    if (look.client < last.client) break;
    last = look;
    serverRss = server?.rssBytes() ?? 0;
  }
  const cores = (of: keyof Look): number => ((last[of] - first[of]) * 1000) / Math.max(1, last.at - first.at);
  const [clientCores, serverCores] = [cores('client'), cores('server')];
  const others = Math.max(0, cores('machine') - clientCores - serverCores - cores('awake'));
  return { clientCores, serverCores, others, serverRss };
}
