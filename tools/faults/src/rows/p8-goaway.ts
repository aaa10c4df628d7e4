import type { Cell } from '../cell/cell.ts';
import { numberOf } from '../cell/events.ts';
import { Pooled } from '../cell/pooled.ts';
import { inMs } from '../figures.ts';
import { type Row, type Verdict, verdict } from '../row.ts';

const IN_FLIGHT = 200;
const BACK_MS = 1_000;

async function run(cell: Cell): Promise<Verdict> {
  let agent = await cell.agent();
  const pooled = new Pooled(cell);
  await pooled.pool.addAgent('a', agent.endpoint);
  await pooled.connected('a', 4);
  const [why, late]: [string[], string[]] = [[], []];
  let worst = 0;
  const rounds = cell.quick ? 1 : 10;
  for (let round = 0; round < rounds; round++) {
    cell.note(`round ${round + 1} of ${rounds}`);
    const long = Array.from({ length: IN_FLIGHT }, (_, n) => pooled.ask('a', `/slow?ms=300&n=${n}`, 10_000));
    await pooled.ask('a');
    agent.signal('SIGTERM');
    for (const [n, { decision, error }] of (await Promise.all(long)).entries()) {
      if (error !== undefined) why.push(`one in flight was lost: ${error.code} ${error.message}`);
      else if (numberOf(decision) !== String(n)) why.push(`request ${n} got another's answer`);
    }
    await agent.exited;
    if (agent.child.exitCode !== 0) why.push(`the agent exited with ${agent.child.exitCode ?? agent.child.signalCode}`);
    const { process, backMs, limitMs } = await pooled.restart('a', agent.endpoint, BACK_MS);
    agent = process;
    worst = Math.max(worst, backMs);
    if (backMs > limitMs) late.push(`the first success came ${inMs(backMs)} after listening`);
  }
  return verdict(`${IN_FLIGHT} in flight, back in ${inMs(worst)}`, [...new Set(why)], late);
}

/** An agent ends gracefully on all of its connections. */
export const goAwayOnAll: Row = {
  id: 'P8',
  fault: 'graceful end on all four connections, 200 in flight',
  must: 'none is lost; requests get through within 1 s of the next start',
  run,
};
