import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Cell } from '../cell/cell.ts';
import { headers, numberOf } from '../cell/events.ts';
import { spawnChild } from '../child.ts';
import { inMs } from '../figures.ts';
import { monotonicMs } from '../now.ts';
import { onlyReverse, startProxy, TOKEN } from '../reverse/proxy.ts';
import { type Row, type Verdict, verdict } from '../row.ts';
import { waitUntil } from '../wait.ts';

const AGENTS = 20;
const CONNECTIONS = 2;
const ALL = AGENTS * CONNECTIONS;
/** Most connections that may come back within one such window, and its length in milliseconds: they must not come together. */
const BURST = ALL * 0.75;
const WINDOW_MS = 10;

function mostAtOnce(times: readonly number[]): number {
  return Math.max(...times.map((from) => times.filter((at) => at >= from && at < from + WINDOW_MS).length));
}

async function run(cell: Cell): Promise<Verdict> {
  let proxy = await startProxy(cell);
  const { address } = proxy;
  const program = fileURLToPath(new URL('../reverse/many-agents.ts', import.meta.url));
  const child = spawnChild(process.execPath, [program, address, String(AGENTS), String(CONNECTIONS), TOKEN]);
  child.stdout.resume();
  child.stderr.resume();
  cell.defer(async () => {
    child.kill('SIGKILL');
    await waitUntil(() => child.exitCode !== null || child.signalCode !== null, 5_000);
  });
  const why: string[] = [];
  const late: string[] = [];
  if (!(await waitUntil(() => proxy.registeredAt.length === ALL, 15_000)))
    why.push(`${proxy.registeredAt.length} of ${ALL} connections were registered at first`);
  const figures: string[] = [];
  for (const seconds of cell.quick ? [1] : [1, 10, 30]) {
    cell.progress(`down for ${seconds} s`);
    await proxy.end();
    await sleep(seconds * 1_000);
    const since = monotonicMs();
    proxy = await startProxy(cell, { address });
    // the next attempt comes after the last wait, which is no longer than the outage before it and never more than 36 s
    const limitMs = Math.min(1.2 * seconds * 1_000 + 1_000, 37_000);
    const { registeredAt, pool, listener } = proxy;
    await waitUntil(() => registeredAt.length >= ALL, limitMs + 5_000);
    const tookMs = (registeredAt.at(-1) ?? Infinity) - since;
    if (registeredAt.length !== ALL) why.push(`after ${seconds} s ${registeredAt.length} of ${ALL} came back`);
    else if (tookMs > limitMs) late.push(`after ${seconds} s the last one was back ${inMs(tookMs)} after listening`);
    const burst = mostAtOnce(registeredAt);
    if (burst > BURST) late.push(`after ${seconds} s ${burst} of ${ALL} came back within ${WINDOW_MS} ms`);
    if (listener.connectionsByAgent.size !== AGENTS) why.push(`${listener.connectionsByAgent.size} agents are counted`);
    for (let at = 1; at <= AGENTS; at++) {
      const question = pool.request(`a-${at}`, { ...headers('/'), id: `v1-${seconds}-${at}` }, { timeoutMs: 5_000 });
      const { decision } = await cell.asked.follow(question, 5_000);
      if (numberOf(decision) !== 'back') why.push(`a-${at} did not answer`);
    }
    figures.push(`${inMs(tookMs)} after ${seconds} s, ${burst}/${ALL} at once`);
  }
  return verdict(figures.join(', '), why, late);
}

/** The proxy restarts, and its agents register again. */
export const proxyRestart: Row = {
  id: 'V1',
  fault: 'proxy restart with 20 agents',
  must: 'all of their connections are back, spread out, and answer',
  notApplicable: onlyReverse,
  run,
};
