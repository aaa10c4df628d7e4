import { setTimeout as sleep } from 'node:timers/promises';
import type { Outcome } from '../cell/asked.ts';
import type { Cell } from '../cell/cell.ts';
import { headers, numberOf } from '../cell/events.ts';
import { Pooled } from '../cell/pooled.ts';
import { inMs } from '../figures.ts';
import { startLoad } from '../load.ts';
import { monotonicMs } from '../now.ts';
import { type Row, type Verdict, verdict } from '../row.ts';
import { waitUntil } from '../wait.ts';

const PER_SECOND = 500;
const WITHIN_MS = 10;
const PAUSE_MS = 200;

async function run(cell: Cell): Promise<Verdict> {
  const [agent, other] = await Promise.all([cell.agent('sessions'), cell.agent()]);
  const orders = await cell.session(agent.endpoint);
  const pooled = new Pooled(cell);
  await Promise.all([pooled.pool.addAgent('a', agent.endpoint), pooled.pool.addAgent('b', other.endpoint)]);
  await pooled.connected('a', 4);
  const yardstick = await cell.yardstick();
  const [why, late]: [string[], string[]] = [[], []];
  const beside = startLoad(PER_SECOND, () => pooled.ask('b'));
  const paused = (): number => pooled.pool.stats.agents[0]?.paused ?? 0;
  const order = async (how: 'pause' | 'resume'): Promise<Outcome> => orders.ask(headers(`/?how=${how}`));
  let [worst, worstBack, failed] = [0, 0, 0];
  const rounds = cell.quick ? 2 : 20;
  for (let at = 0; at < rounds; at += 1) {
    cell.note(`pause ${at + 1} of ${rounds}`);
    const load = startLoad(PER_SECOND, () => pooled.ask('a'));
    await sleep(100);
    // what an agent has when it pauses, it answers
    const before = Array.from({ length: 20 }, () => pooled.ask('a', `/?ms=${PAUSE_MS / 2}&n=1`));
    await sleep(20);
    const since = monotonicMs();
    await order('pause');
    if (!(await waitUntil(() => paused() === 4, 2_000))) why.push(`${paused()} of 4 connections paused`);
    const during = Array.from({ length: 50 }, () => pooled.ask('a'));
    await sleep(PAUSE_MS);
    for (const { error } of await Promise.all(before))
      if (error !== undefined) why.push(`a request from before the pause got ${error.code}`);
    for (const { error } of await Promise.all(during))
      if (error?.code !== 'ERR_FLOW_PAUSED') why.push(`a request in the pause got ${error?.code ?? 'a decision'}`);
    const resumedAt = monotonicMs();
    const { decision } = await order('resume');
    const latestMs = Number(numberOf(decision));
    worst = Math.max(worst, latestMs);
    if (latestMs > (await yardstick.allows(WITHIN_MS, since, resumedAt)))
      late.push(`a request reached the agent ${inMs(latestMs)} after its pause`);
    const back = (await pooled.firstDecision('a', 5_000)) - resumedAt;
    worstBack = Math.max(worstBack, back);
    // the order, the signal and the first request are three waits, and the pool is asked every 5 ms
    const limit = await yardstick.allows(WITHIN_MS + 5, resumedAt, resumedAt + back);
    if (back > limit + 2 * (await yardstick.worst(resumedAt, resumedAt + back)))
      late.push(`the first decision came ${inMs(back)} after the resume`);
    for (const { error } of await load.stop()) {
      if (error !== undefined) failed += 1;
      if (error !== undefined && error.code !== 'ERR_FLOW_PAUSED') why.push(`a request got ${error.code}`);
    }
  }
  for (const { error } of await beside.stop())
    if (error !== undefined) why.push(`a request to another agent got ${error.code}`);
  if (failed === 0) why.push('no request of the load fell into a pause');
  return verdict(`nothing after ${inMs(worst)}, back in ${inMs(worstBack)}`, [...new Set(why)], late);
}

/** An agent pauses under load, again and again. */
export const pauses: Row = {
  id: 'P9',
  fault: 'one of two agents of a pool pauses and resumes under load',
  must: 'no request reaches it from 10 ms after its pause on, each fails with ERR_FLOW_PAUSED; what it had is answered; the other loses nothing',
  run,
};
