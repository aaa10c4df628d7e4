import { setTimeout as sleep } from 'node:timers/promises';
import type { Cell } from '../cell/cell.ts';
import { cpuFactor } from '../cell/yardstick.ts';
import { headers } from '../cell/events.ts';
import { grouped, inMs } from '../figures.ts';
import { startLoad } from '../load.ts';
import { monotonicMs } from '../now.ts';
import { type Row, type Verdict, verdict } from '../row.ts';
import { waitUntil } from '../wait.ts';

const PER_SECOND = 10_000;
const WITHIN_MS = 50;
const TIMEOUT_MS = 5_000;
/** Requests that are surely unanswered when the agent dies. */
const SLOW = 200;

async function round(
  cell: Cell,
): Promise<{ tookMs: number; failed: number; perSecond: number; why: string[]; late: string[] }> {
  const agent = await cell.agent();
  const yardstick = await cell.yardstick();
  const sessions = [await cell.session(agent.endpoint), await cell.session(agent.endpoint)] as const;
  const slow = Array.from({ length: SLOW }, (_, n) =>
    (sessions[n & 1] ?? sessions[0]).ask(headers(`/slow?ms=60000&n=${n}`), { timeoutMs: TIMEOUT_MS }),
  );
  const fast = headers('/?n=1');
  const load = startLoad(PER_SECOND, (n) => (sessions[n & 1] ?? sessions[0]).ask(fast, { timeoutMs: TIMEOUT_MS }));
  await sleep(cell.quick ? 400 : 1_500);
  const pending = sessions.map(({ session }) => session.pending);
  agent.signal('SIGKILL');
  const killedAt = monotonicMs();
  const diedAt = agent.exited.then(monotonicMs);
  const askedBefore = load.asked;
  const { perSecond } = load;
  await waitUntil(() => sessions.every(({ closes }) => closes > 0), 1_000);
  const outcomes = [...(await Promise.all(slow)), ...(await load.stop()).slice(0, askedBefore)];
  const failed = outcomes.filter(({ error }) => error !== undefined);
  const why: string[] = [];
  const late: string[] = [];
  const wrong = failed.find(({ error }) => error?.code !== 'ERR_CLOSED');
  if (wrong !== undefined) why.push(`a pending request failed with ${wrong.error?.code} instead of ERR_CLOSED`);
  if (failed.length < SLOW) why.push(`${failed.length} requests failed, at least ${SLOW} were pending`);
  if (pending.some((count) => count < SLOW / 2)) why.push(`pending were ${pending.join(' and ')}`);
  const tookMs = Math.max(0, ...outcomes.map(({ at }) => at - killedAt));
  // a process that is killed needs a processor to die, and its connections live until then
  const dyingMs = (await diedAt) - killedAt;
  if (tookMs - dyingMs > (await yardstick.allows(WITHIN_MS, killedAt, killedAt + tookMs)))
    late.push(`the last pending request failed ${inMs(tookMs - dyingMs)} after the death of the agent`);
  return { tookMs, failed: failed.length, perSecond, why, late };
}

async function run(cell: Cell): Promise<Verdict> {
  const rounds: Awaited<ReturnType<typeof round>>[] = [];
  const count = cell.quick ? 1 : 5;
  for (let at = 0; at < count; at++) {
    cell.note(`round ${at + 1} of ${count}`);
    rounds.push(await round(cell));
  }
  const worst = Math.max(...rounds.map(({ tookMs }) => tookMs));
  const slowest = Math.min(...rounds.map(({ perSecond }) => perSecond));
  const why = rounds.flatMap((one) => one.why);
  const late = rounds.flatMap((one) => one.late);
  if (slowest < PER_SECOND / 2 / cpuFactor()) late.push(`only ${slowest} requests a second could be asked here`);
  return verdict(`${inMs(worst)} at ${grouped(slowest)}/s`, why, late);
}

/** An agent dies under load. */
export const kill: Row = {
  id: 'R1',
  fault: 'kill -9 an agent under 10 000 req/s',
  must: 'pending ones of that connection fail with ERR_CLOSED within 50 ms of its death; none waits for its timeout',
  run,
};
