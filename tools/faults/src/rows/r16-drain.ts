import { setTimeout as sleep } from 'node:timers/promises';
import type { Outcome } from '../cell/asked.ts';
import type { Cell } from '../cell/cell.ts';
import { headers, numberOf } from '../cell/events.ts';
import { inMs } from '../figures.ts';
import { monotonicMs } from '../now.ts';
import { type Row, type Verdict, verdict } from '../row.ts';

const IN_FLIGHT = 1_000;
const TIMEOUT_MS = 10_000;
const AT_ONCE_MS = 200;
/** Allowed outcomes of a new request: it may have been sent before the agent announced the drain. */
const REFUSED = new Set(['ERR_DRAINING', 'ERR_CONNECT', 'ERR_CLOSED']);

interface Drained {
  readonly tookMs: number;
  readonly why: string[];
  readonly late: string[];
}

async function drained(cell: Cell, by: 'agent' | 'pool'): Promise<Drained> {
  const yardstick = await cell.yardstick();
  const agent = await cell.agent();
  agent.endsItself = true;
  const pool = cell.pool({ maxConcurrentPerConnection: IN_FLIGHT });
  await pool.addAgent('a', agent.endpoint);
  let id = 0;
  const ask = (uri: string): Promise<Outcome> =>
    cell.asked.follow(
      pool.request('a', { ...headers(uri), id: (id += 1) }, { only: true, timeoutMs: TIMEOUT_MS }),
      TIMEOUT_MS,
    );
  const questions = Array.from({ length: IN_FLIGHT }, (_, n) => ask(`/slow?ms=400&n=${n}`));
  await ask('/?n=0');
  const since = monotonicMs();
  const draining = by === 'agent' ? agent.signal('SIGTERM') : pool.drain();
  const why = new Set<string>();
  const late = new Set<string>();
  for (let at = 0; at < 20; at++) {
    const asked = monotonicMs();
    const { error, at: endedAt } = await ask('/?n=0');
    // once nothing is in flight, the drain is over, and the pool has no agents
    if (error?.code === 'ERR_UNKNOWN_AGENT' && cell.asked.settled === cell.asked.asked) break;
    if (error !== undefined && !REFUSED.has(error.code)) why.add(`a new request got ${error.code}: ${error.message}`);
    if (endedAt - asked > AT_ONCE_MS && endedAt - asked > (await yardstick.allows(AT_ONCE_MS, asked, endedAt)))
      late.add(`a new request took ${inMs(endedAt - asked)}`);
    await sleep(5);
  }
  for (const [n, { decision, error }] of (await Promise.all(questions)).entries()) {
    if (error !== undefined) why.add(`lost one that was in flight: ${error.code} ${error.message}`);
    else if (numberOf(decision) !== String(n)) why.add(`request ${n} got another's answer`);
  }
  await draining;
  await pool.close();
  await agent.destroy();
  const named = (found: Set<string>): string[] => [...found].map((text) => `drained by the ${by}: ${text}`);
  return { tookMs: monotonicMs() - since, why: named(why), late: named(late) };
}

async function run(cell: Cell): Promise<Verdict> {
  const agent = await drained(cell, 'agent');
  const pool = await drained(cell, 'pool');
  return verdict(
    `agent ${inMs(agent.tookMs)}, pool ${inMs(pool.tookMs)}`,
    [...agent.why, ...pool.why],
    [...agent.late, ...pool.late],
  );
}

/** One side drains. */
export const drain: Row = {
  id: 'R16',
  fault: 'drain with 1 000 in flight',
  must: 'none fails; new ones go elsewhere or fail at once',
  run,
};
