import type { Cell } from '../cell/cell.ts';
import { headers, numberOf } from '../cell/events.ts';
import { grouped } from '../figures.ts';
import { type Row, type Verdict, verdict } from '../row.ts';

const SIZE = 8;
const TIMEOUT_MS = 10_000;

async function run(cell: Cell): Promise<Verdict> {
  const agent = await cell.agent('liar');
  const tracked = await cell.session(agent.endpoint);
  const mixes = cell.quick ? 1_000 : 10_000;
  const seed = Math.floor(Math.random() * 2 ** 31);
  const ask = (uri: string): ReturnType<typeof tracked.ask> => tracked.ask(headers(uri), { timeoutMs: TIMEOUT_MS });
  await ask(`/seed?seed=${seed}&size=${SIZE}`);
  const why: string[] = [];
  for (let mix = 0; mix < mixes && why.length === 0; mix++) {
    cell.note(`mix ${mix + 1} of ${mixes}`);
    const outcomes = await Promise.all(Array.from({ length: SIZE }, (_, at) => ask(`/mix?n=${mix * SIZE + at}`)));
    for (const [at, { decision, error }] of outcomes.entries()) {
      const got = numberOf(decision) ?? error?.code;
      if (got !== String(mix * SIZE + at)) why.push(`seed ${seed}: request ${mix * SIZE + at} got ${got}`);
    }
  }
  const extras = Number((await ask('/extras')).decision?.audit?.tags?.[0]);
  const { lateAnswers } = tracked.session.stats;
  if (lateAnswers !== extras)
    why.push(`seed ${seed}: ${extras} answers too many were sent, ${lateAnswers} were counted`);
  return verdict(`${grouped(mixes)} mixes, ${grouped(extras)} lies dropped`, why);
}

/** An agent answers more than it was asked. */
export const ids: Row = {
  id: 'R14',
  fault: 'duplicate, unknown, swapped, replayed ids',
  must: 'no answer reaches the wrong request',
  run,
};
