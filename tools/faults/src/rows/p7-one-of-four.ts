import type { Cell } from '../cell/cell.ts';
import { Pooled } from '../cell/pooled.ts';
import { inMs } from '../figures.ts';
import { monotonicMs } from '../now.ts';
import { type Row, type Verdict, verdict } from '../row.ts';

const BACK_MS = 1_000;

async function run(cell: Cell): Promise<Verdict> {
  const agent = await cell.agent();
  const relay = await cell.relay(agent.endpoint);
  // requests are spread evenly: the default takes one connection for all of them
  const pooled = new Pooled(cell, { loadBalanceStrategy: 'roundRobin' });
  await pooled.pool.addAgent('a', relay.endpoint);
  await pooled.connected('a', 4);
  const yardstick = await cell.yardstick();
  const [why, late]: [string[], string[]] = [[], []];
  let worst = 0;
  const rounds = cell.quick ? 3 : 20;
  for (let round = 0; round < rounds; round++) {
    cell.note(`round ${round + 1} of ${rounds}`);
    const long = Array.from({ length: 40 }, () => pooled.ask('a', '/slow?ms=200', 5_000));
    await pooled.ask('a');
    const [victim] = relay.links;
    victim?.cut('destroy');
    const since = monotonicMs();
    const later = await Promise.all(Array.from({ length: 40 }, () => pooled.ask('a')));
    const lost = (await Promise.all(long)).filter(({ error }) => error !== undefined);
    // those of the dead connection, which has a quarter of them
    if (lost.length === 0 || lost.length > 20) why.push(`${lost.length} of 40 in flight were lost with one of four`);
    if (lost.some(({ error }) => error?.code !== 'ERR_CLOSED')) why.push(`lost with ${lost[0]?.error?.code}`);
    const failed = later.filter(({ error }) => error !== undefined);
    if (failed.length > 20) why.push(`${failed.length} of 40 later requests failed: ${failed[0]?.error?.code}`);
    if (!(await pooled.connected('a', 4))) why.push('the pool has not four connections again');
    const back = monotonicMs() - since;
    worst = Math.max(worst, back);
    if (back > (await yardstick.allows(BACK_MS, since)))
      late.push(`the fourth connection was back after ${inMs(back)}`);
  }
  return verdict(`four again in ${inMs(worst)}`, [...new Set(why)], late);
}

/** One of an agent's connections dies. */
export const oneOfFour: Row = {
  id: 'P7',
  fault: 'one of four connections of an agent dies, 40 in flight',
  must: 'only its own requests are lost, and it is dialled again',
  run,
};
