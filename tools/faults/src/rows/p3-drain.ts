import { setTimeout as sleep } from 'node:timers/promises';
import type { Cell } from '../cell/cell.ts';
import { Pooled } from '../cell/pooled.ts';
import { inMs } from '../figures.ts';
import { monotonicMs } from '../now.ts';
import { type Row, type Verdict, verdict } from '../row.ts';

const IN_FLIGHT = 100;
const DRAIN_MS = 5_000;

async function run(cell: Cell): Promise<Verdict> {
  const agent = await cell.agent();
  const pooled = new Pooled(cell, { drainTimeoutMs: DRAIN_MS });
  await pooled.pool.addAgent('a', agent.endpoint);
  const long = Array.from({ length: IN_FLIGHT }, () => pooled.ask('a', '/slow?ms=60000', 10_000));
  await pooled.ask('a');
  const yardstick = await cell.yardstick();
  const since = monotonicMs();
  const drained = pooled.pool.drain().then(() => monotonicMs());
  const refused = await pooled.ask('a');
  const why: string[] = [];
  const late: string[] = [];
  if (refused.error === undefined) why.push('a new request was taken while draining');
  agent.signal('SIGKILL');
  await agent.exited;
  const outcomes = await Promise.all(long);
  const wrong = outcomes.find(({ error }) => error?.code !== 'ERR_CLOSED');
  if (wrong !== undefined) why.push(`one in flight got ${wrong.error?.code ?? 'a decision'}`);
  await cell.agent('faults', agent.endpoint);
  const tookMs = (await drained) - since;
  if (tookMs > (await yardstick.allows(DRAIN_MS, since)))
    late.push(`the drain took ${inMs(tookMs)} although nothing was in flight`);
  // whatever is dialled from here on would be found as a handle that is left
  await sleep(300);
  return verdict(`drained in ${inMs(tookMs)}`, why, late);
}

/** An agent restarts while its pool drains. */
export const poolDrain: Row = {
  id: 'P3',
  fault: 'agent killed and restarted while the pool drains, 100 in flight',
  must: 'each ends, the drain ends, nothing is dialled again',
  run,
};
