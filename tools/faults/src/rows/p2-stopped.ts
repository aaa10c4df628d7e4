import type { Cell } from '../cell/cell.ts';
import { Pooled } from '../cell/pooled.ts';
import { inMs } from '../figures.ts';
import { monotonicMs } from '../now.ts';
import { type Row, type Verdict, verdict } from '../row.ts';

const TIMEOUT_MS = 500;
const BACK_MS = 1_000;

async function run(cell: Cell): Promise<Verdict> {
  const [stopped, other] = await Promise.all([cell.agent(), cell.agent()]);
  const pooled = new Pooled(cell, { circuitBreakerThreshold: 1_000_000, outlierEjectionThreshold: Infinity });
  await Promise.all([pooled.pool.addAgent('a', stopped.endpoint), pooled.pool.addAgent('b', other.endpoint)]);
  const yardstick = await cell.yardstick();
  const why: string[] = [];
  const late: string[] = [];
  let worst = 0;
  for (let at = 0; at < (cell.quick ? 1 : 5); at++) {
    stopped.signal('SIGSTOP');
    const since = monotonicMs();
    const questions = Array.from({ length: 200 }, () => pooled.ask('a', '/?n=0', TIMEOUT_MS));
    const beside = await Promise.all(Array.from({ length: 50 }, () => pooled.ask('b')));
    if (beside.some(({ error }) => error !== undefined)) why.push('a request to another agent failed');
    for (const { error, at: endedAt } of await Promise.all(questions)) {
      if (error?.code !== 'ERR_TIMEOUT') why.push(`a request to it got ${error?.code ?? 'a decision'}`);
      if (endedAt - since < TIMEOUT_MS - 5) why.push('a request ended before its deadline');
    }
    stopped.signal('SIGCONT');
    const goesOn = monotonicMs();
    const back = (await pooled.firstDecision('a', 10_000)) - goesOn;
    worst = Math.max(worst, back);
    if (back > (await yardstick.allows(BACK_MS, goesOn))) late.push(`it was back ${inMs(back)} after it went on`);
  }
  return verdict(`back in ${inMs(worst)}`, [...new Set(why)], late);
}

/** One agent of a pool stands still for a while. */
export const poolStopped: Row = {
  id: 'P2',
  fault: 'SIGSTOP and SIGCONT of one of two agents of a pool',
  must: 'its requests end at their deadline, the other loses nothing, back within 1 s',
  run,
};
