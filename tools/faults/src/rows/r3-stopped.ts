import type { Outcome } from '../cell/asked.ts';
import type { Cell } from '../cell/cell.ts';
import { headers } from '../cell/events.ts';
import { NOISE_MS, p99 } from '../cell/beside.ts';
import { inMs } from '../figures.ts';
import { monotonicMs } from '../now.ts';
import { type Row, type Verdict, verdict } from '../row.ts';
import { waitUntil, within } from '../wait.ts';

const IN_FLIGHT = 1_000;
const TIMEOUT_MS = 600;
const PING = { intervalMs: 200, timeoutMs: 200 };
const BACK_MS = 1_000;
/** Time from now to the first answer on a new connection. */
async function timeToAnswer(cell: Cell, endpoint: string): Promise<number> {
  const since = monotonicMs();
  const tracked = await cell.session(endpoint);
  const { decision, at } = await tracked.ask(headers('/?n=0'));
  return decision === undefined ? Infinity : at - since;
}

function timeouts(outcomes: readonly Outcome[]): string[] {
  const other = outcomes.find(({ error }) => error?.code !== 'ERR_TIMEOUT');
  return other === undefined ? [] : [`a request to the stopped agent got ${other.error?.code ?? 'a decision'}`];
}

async function run(cell: Cell): Promise<Verdict> {
  const [stopped, other] = await Promise.all([cell.agent(), cell.agent()]);
  const busy = await cell.session(stopped.endpoint, { keepalive: false });
  const idle = await cell.session(stopped.endpoint, { keepalive: PING });
  const beside = await cell.session(other.endpoint);
  const yardstick = await cell.yardstick();
  const samples = cell.quick ? 100 : 1_000;
  await p99(beside, 100);
  const before = await p99(beside, samples);
  const why: string[] = [];
  const late: string[] = [];

  stopped.signal('SIGSTOP');
  const stoppedAt = monotonicMs();
  const ejected = within(
    idle.closed.then(() => monotonicMs() - stoppedAt),
    3_000,
  );
  const questions = Array.from({ length: IN_FLIGHT }, () => busy.ask(headers('/?n=1'), { timeoutMs: TIMEOUT_MS }));
  const during = await p99(beside, samples);
  why.push(...timeouts(await Promise.all(questions)));
  const ejectedAfter = (await ejected) ?? Infinity;
  const ejectedBy = await yardstick.allows(2 * (PING.intervalMs + PING.timeoutMs), stoppedAt, stoppedAt + ejectedAfter);
  if (ejectedAfter > ejectedBy || ejectedAfter === Infinity)
    late.push(`the connection was ejected after ${inMs(ejectedAfter)}`);
  if (during > before * 1.2 + NOISE_MS) late.push(`p99 of another agent went from ${inMs(before)} to ${inMs(during)}`);

  stopped.signal('SIGCONT');
  const goesOn = monotonicMs();
  const back = await timeToAnswer(cell, stopped.endpoint);
  if (back > (await yardstick.allows(BACK_MS, goesOn))) late.push(`it was back after ${inMs(back)}`);
  const { stats } = busy.session;
  await waitUntil(() => stats.lateAnswers === IN_FLIGHT, 2_000);
  if (stats.lateAnswers !== IN_FLIGHT) why.push(`${stats.lateAnswers} of ${IN_FLIGHT} late answers were counted`);
  return verdict(`ejected ${inMs(ejectedAfter)}, back ${inMs(back)}, p99 ${inMs(before)}→${inMs(during)}`, why, late);
}

/** An agent stands still for a while. */
export const stopped: Row = {
  id: 'R3',
  fault: 'SIGSTOP with 1 000 in flight, later SIGCONT',
  must: "typed timeout at the deadline; connection ejected within 2 ping periods; other agents' p99 +20 % at most; late answers counted and dropped; back within 1 s",
  run,
};
