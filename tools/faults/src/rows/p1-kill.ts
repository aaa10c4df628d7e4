import { setTimeout as sleep } from 'node:timers/promises';
import type { Cell } from '../cell/cell.ts';
import { Pooled } from '../cell/pooled.ts';
import { inMs } from '../figures.ts';
import { startLoad } from '../load.ts';
import { monotonicMs } from '../now.ts';
import { type Row, type Verdict, verdict } from '../row.ts';

const PER_SECOND = 500;
const WITHIN_MS = 50;
const BACK_MS = 1_000;
const SLOW = 100;

async function run(cell: Cell): Promise<Verdict> {
  const [victim, other] = await Promise.all([cell.agent(), cell.agent()]);
  const pooled = new Pooled(cell, { outlierEjectionThreshold: Infinity });
  await Promise.all([pooled.pool.addAgent('victim', victim.endpoint), pooled.pool.addAgent('other', other.endpoint)]);
  await pooled.connected('victim', 4);
  const yardstick = await cell.yardstick();
  const why: string[] = [];
  const late: string[] = [];
  const slow = Array.from({ length: SLOW }, () => pooled.ask('victim', '/slow?ms=60000', 5_000));
  const onVictim = startLoad(PER_SECOND, () => pooled.ask('victim'));
  const onOther = startLoad(PER_SECOND, () => pooled.ask('other'));
  await sleep(cell.quick ? 400 : 2_000);
  const before = onVictim.asked;
  victim.signal('SIGKILL');
  const killedAt = monotonicMs();
  const diedAt = victim.exited.then(monotonicMs);
  const lost = await Promise.all(slow);
  const worst = Math.max(...lost.map(({ at }) => at)) - killedAt;
  // a process that is killed needs a processor to die, and its connections live until then
  const dyingMs = (await diedAt) - killedAt;
  if (worst - dyingMs > (await yardstick.allows(WITHIN_MS, killedAt, killedAt + worst)))
    late.push(`a pending request failed ${inMs(worst - dyingMs)} after the death of the agent`);
  const wrong = lost.find(({ error }) => error?.code !== 'ERR_CLOSED');
  if (wrong !== undefined) why.push(`a pending request got ${wrong.error?.code ?? 'a decision'}`);
  const { backMs, limitMs } = await pooled.restart('victim', victim.endpoint, BACK_MS);
  if (backMs > limitMs) late.push(`the first success came ${inMs(backMs)} after listening`);
  const untouched = await onOther.stop();
  const failed = untouched.find(({ error }) => error !== undefined);
  if (failed !== undefined) why.push(`a request to another agent got ${failed.error?.code}: ${failed.error?.message}`);
  const outcomes = (await onVictim.stop()).slice(0, before);
  const strange = outcomes.find(({ error }) => error !== undefined && error.code !== 'ERR_CLOSED');
  if (strange !== undefined) why.push(`a request before the kill got ${strange.error?.code}`);
  return verdict(`failed in ${inMs(Math.max(0, worst))}, back in ${inMs(backMs)}`, why, late);
}

/** One agent of a pool dies under load, and comes back. */
export const poolKill: Row = {
  id: 'P1',
  fault: 'kill -9 one of two agents of a pool under load, restart it',
  must: 'pending ones fail within 50 ms of its death, the other agent loses nothing, back within 1 s of the restart',
  run,
};
