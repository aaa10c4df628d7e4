import { setTimeout as sleep } from 'node:timers/promises';
import type { Cell } from '../cell/cell.ts';
import { Pooled } from '../cell/pooled.ts';
import { grouped, inMs } from '../figures.ts';
import { startLoad } from '../load.ts';
import { type Row, type Verdict, verdict } from '../row.ts';

const PER_SECOND = 500;
const BACK_MS = 3_000;
const FAILURES: ReadonlySet<string> = new Set(['ERR_CONNECT', 'ERR_CLOSED', 'ERR_CIRCUIT_OPEN', 'ERR_TIMEOUT']);

async function run(cell: Cell): Promise<Verdict> {
  let agent = await cell.agent();
  const pooled = new Pooled(cell);
  await pooled.pool.addAgent('a', agent.endpoint);
  const load = startLoad(PER_SECOND, () => pooled.ask('a'));
  const die = async (): Promise<void> => {
    await sleep(150);
    agent.signal('SIGKILL');
    await agent.exited;
  };
  for (let at = 1; at < (cell.quick ? 2 : 10); at++) {
    await die();
    agent = await cell.agent('faults', agent.endpoint);
  }
  await die();
  const { backMs, limitMs } = await pooled.restart('a', agent.endpoint, BACK_MS);
  const outcomes = await load.stop();
  const why: string[] = [];
  const strange = outcomes.find(({ error }) => error !== undefined && !FAILURES.has(error.code));
  if (strange !== undefined) why.push(`a request got ${strange.error?.code}: ${strange.error?.message}`);
  const failed = outcomes.filter(({ error }) => error !== undefined).length;
  const late = backMs > limitMs ? [`it was back ${inMs(backMs)} after its last start`] : [];
  return verdict(`${grouped(outcomes.length)} asked, ${grouped(failed)} failed, back in ${inMs(backMs)}`, why, late);
}

/** An agent that dies again and again. */
export const flapping: Row = {
  id: 'P6',
  fault: 'flapping agent: killed and restarted ten times under load',
  must: 'each request has one typed outcome; back within 3 s of the last start',
  run,
};
