import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { AgentwireError } from '@agentwire/core';
import { collectGarbage } from '../agents/agent-report.ts';
import type { Cell } from '../cell/cell.ts';
import { cpuFactor } from '../cell/yardstick.ts';
import { spawnChild } from '../child.ts';
import { grouped, inMs, quantile } from '../figures.ts';
import { monotonicMs } from '../now.ts';
import { onlyReverse, register, startProxy, transportOf } from '../reverse/proxy.ts';
import { type Row, type Verdict, verdict } from '../row.ts';
import { waitUntil } from '../wait.ts';

const AT_ONCE = 100;
const GOOD_MS = 200;
const MAX_BYTES = 8e6;
/** Lines that are logged at once, and in each 10 s after that: a line that repeats is summed up so often. */
const [LINES, LINES_EACH_10_S] = [200, 10];
/** Ids of good agents: the pool remembers each agent that registered, which is not what this row is about. */
const GOOD_IDS = 4;
/** Wait before a good agent dials again, where the system's queue of new connections is full. */
const AGAIN_MS = 10;

const heapBytes = (): number => {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
};

/** Returns whether the system's queue of new connections is full: on Unix sockets it says so, and an agent dials again. */
const isQueueFull = (error: unknown): boolean =>
  error instanceof AgentwireError && error.code === 'ERR_CONNECT' && error.message.includes('EAGAIN');

async function run(cell: Cell): Promise<Verdict> {
  const proxy = await startProxy(cell);
  const transport = transportOf(cell.column);
  const program = fileURLToPath(new URL('../reverse/attacker.ts', import.meta.url));
  const attack = async (count: number, meanwhile: () => Promise<void>): Promise<void> => {
    const child = spawnChild(process.execPath, [program, proxy.address, String(count), String(AT_ONCE)]);
    child.stdout.resume();
    child.stderr.resume();
    while (child.exitCode === null && child.signalCode === null) {
      cell.note(`${spans.length} good ones between the bad`);
      await meanwhile();
      await sleep(50);
    }
  };
  const idle = (): Promise<boolean> => waitUntil(() => proxy.listener.connectionCount === 0, 5_000);
  const yardstick = await cell.yardstick();
  const spans: [from: number, to: number][] = [];
  let refused: string | undefined;
  const good = async (): Promise<void> => {
    const since = monotonicMs();
    while (refused === undefined) {
      try {
        const connection = await register(transport, proxy.address, `a-${spans.length % GOOD_IDS}`);
        spans.push([since, monotonicMs()]);
        connection.abort();
        return;
      } catch (error) {
        if (isQueueFull(error)) await sleep(AGAIN_MS);
        else refused = String(error);
      }
    }
  };
  // what loads and grows once does so here
  const tls = cell.column.reverse === 'tls';
  await attack(tls ? 100 : 500, good);
  await idle();
  spans.length = 0;
  const before = heapBytes();
  const attackedAt = monotonicMs();
  const count = cell.quick ? (tls ? 300 : 1_500) : 10_000;
  await attack(count, good);
  const why: string[] = [];
  if (!(await idle())) why.push(`${proxy.listener.connectionCount} connections are left`);
  const grown = heapBytes() - before;
  if (refused !== undefined) why.push(`a good one was refused: ${refused}`);
  if (grown > MAX_BYTES) why.push(`this process holds ${grouped(grown / 1e3)} KB more`);
  const lines = LINES + (LINES_EACH_10_S * (monotonicMs() - attackedAt)) / 10_000;
  if (proxy.warnings.length > lines) why.push(`${proxy.warnings.length} lines were logged`);
  if (proxy.listener.connectionsByAgent.size > 0) why.push('agents are still counted');
  const p90 = quantile(
    spans.map(([from, to]) => to - from),
    0.9,
  );
  const limitMs = GOOD_MS * cpuFactor();
  const over: number[] = [];
  for (const [from, to] of spans) over.push(to - from - (await yardstick.allows(limitMs, from, to)));
  const late = quantile(over, 0.9) > 0 ? [`a good one took ${inMs(p90)} (p90)`] : [];
  return verdict(`${grouped(count)} bad, good p90 ${inMs(p90)}, ${grouped(Math.max(0, grown) / 1e3)} KB`, why, late);
}

/** Peers register badly, over and over. */
export const badRegistrations: Row = {
  id: 'V4',
  fault: '10 000 bad registrations, 100 at a time',
  must: 'no growth of memory; a good one gets in within 200 ms meanwhile',
  notApplicable: onlyReverse,
  patience: 3,
  run,
};
