import { setTimeout as sleep } from 'node:timers/promises';
import type { Cell } from '../cell/cell.ts';
import { headers } from '../cell/events.ts';
import { inMs } from '../figures.ts';
import { monotonicMs } from '../now.ts';
import { type Row, type Verdict, verdict } from '../row.ts';

const WITHIN_MS = 1_000;

/** Time from listening to the first success, under a request every 5 ms, and the limit for it. */
async function outage(cell: Cell, outageMs: number): Promise<{ readonly tookMs: number; readonly limitMs: number }> {
  const yardstick = await cell.yardstick();
  let agent = await cell.agent();
  const pool = cell.pool();
  const ask = (n: number): ReturnType<typeof cell.asked.follow> =>
    cell.asked.follow(pool.request('a', { ...headers('/?n=1'), id: n }, { only: true, timeoutMs: 2_000 }), 2_000);
  await pool.addAgent('a', agent.endpoint);
  agent.signal('SIGKILL');
  await agent.exited;
  const until = monotonicMs() + outageMs;
  let n = 0;
  let succeededAt: number | undefined;
  const asking = (async (): Promise<void> => {
    while (succeededAt === undefined && monotonicMs() < until + 40_000) {
      const { decision, at } = await ask((n += 1));
      if (decision !== undefined) succeededAt = at;
      await sleep(5);
    }
  })();
  await sleep(outageMs);
  agent = await cell.agent('faults', agent.endpoint);
  const listeningAt = agent.listeningAt;
  await asking;
  await pool.close();
  const tookMs = (succeededAt ?? Infinity) - listeningAt;
  return { tookMs, limitMs: (await yardstick.allows(WITHIN_MS, listeningAt, succeededAt)) + agent.answeredMs };
}

async function run(cell: Cell): Promise<Verdict> {
  const figures: string[] = [];
  const late: string[] = [];
  for (const seconds of cell.quick ? [0.5] : [0.2, 2, 5, 20, 60]) {
    cell.progress(`down for ${seconds} s`);
    const { tookMs, limitMs } = await outage(cell, seconds * 1000);
    figures.push(`${inMs(tookMs)} after ${seconds} s`);
    if (tookMs > limitMs)
      late.push(`after an outage of ${seconds} s the first success came ${inMs(tookMs)} after listening`);
  }
  return verdict(figures.join(', '), [], late);
}

/** A dead agent comes back. */
export const restart: Row = {
  id: 'R2',
  fault: 'restart it',
  must: 'first success within 1 s of listening; also after a long outage; attempts follow the backoff',
  run,
};
