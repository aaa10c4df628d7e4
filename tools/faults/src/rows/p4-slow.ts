import type { Cell } from '../cell/cell.ts';
import { Pooled } from '../cell/pooled.ts';
import { inMs, quantile } from '../figures.ts';
import { type Row, type Verdict, verdict } from '../row.ts';
import { monotonicMs } from '../now.ts';
import { NOISE_MS } from '../cell/beside.ts';

const IN_FLIGHT = 300;

async function run(cell: Cell): Promise<Verdict> {
  const [slow, fast] = await Promise.all([cell.agent(), cell.agent()]);
  const pooled = new Pooled(cell);
  await Promise.all([pooled.pool.addAgent('slow', slow.endpoint), pooled.pool.addAgent('fast', fast.endpoint)]);
  await pooled.connected('slow', 4);
  const p99 = async (count: number): Promise<number> => {
    const times: number[] = [];
    for (let at = 0; at < count; at++) {
      const since = monotonicMs();
      times.push((await pooled.ask('fast')).at - since);
    }
    return quantile(times, 0.99);
  };
  const count = cell.quick ? 300 : 2_000;
  await p99(count);
  const ratios: number[] = [];
  let [worstBefore, worstDuring] = [0, 0];
  const why: string[] = [];
  // alternating, so that other work of the machine weighs on both
  for (let round = 0; round < 3; round++) {
    const before = await p99(count);
    const questions = Array.from({ length: IN_FLIGHT }, () => pooled.ask('slow', '/slow?ms=1500', 20_000));
    const during = await p99(count);
    ratios.push((during - NOISE_MS) / before);
    [worstBefore, worstDuring] = [Math.max(worstBefore, before), Math.max(worstDuring, during)];
    const lost = (await Promise.all(questions)).find(({ error }) => error !== undefined);
    if (lost !== undefined) why.push(`a request to the slow agent got ${lost.error?.code}`);
  }
  const ratio = Math.min(...ratios);
  const late = ratio > 1.2 ? [`p99 of the fast agent went from ${inMs(worstBefore)} to ${inMs(worstDuring)}`] : [];
  return verdict(`p99 ${inMs(worstBefore)}→${inMs(worstDuring)}`, why, late);
}

/** A slow agent beside a fast one. */
export const slowBeside: Row = {
  id: 'P4',
  fault: 'slow agent with 300 in flight beside a fast one in one pool',
  must: "the fast one's p99 moves by 20 % at most",
  run,
};
