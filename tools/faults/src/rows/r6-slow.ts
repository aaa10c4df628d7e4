import { setTimeout as sleep } from 'node:timers/promises';
import { collectGarbage } from '../agents/agent-report.ts';
import { NOISE_MS, p99, p99During } from '../cell/beside.ts';
import type { Cell } from '../cell/cell.ts';
import { headers } from '../cell/events.ts';
import { inMs } from '../figures.ts';
import { type Row, type Verdict, verdict } from '../row.ts';

const MIB = 1024 * 1024;
const MAX_BUFFERED = 8 * MIB;
const MAX_RSS_BYTES = 32e6;
const HEADER_BYTES = 64 * 1024;
const TIMEOUT_MS = 1_500;

async function run(cell: Cell): Promise<Verdict> {
  const agent = await cell.agent();
  const relay = await cell.relay(agent.endpoint);
  const slow = await cell.session(relay.endpoint, { keepalive: false });
  const beside = await cell.session(agent.endpoint);
  await p99(beside, 200);
  const before = await p99(beside, cell.quick ? 200 : 1_000);
  relay.last?.stall();
  const big = { ...headers('/?n=1'), headers: ['x-big', 'b'.repeat(HEADER_BYTES)] };
  collectGarbage();
  const rss = process.memoryUsage.rss();
  let buffered = 0;
  const questions = Array.from({ length: 512 }, () => {
    const outcome = slow.ask(big, { timeoutMs: TIMEOUT_MS });
    buffered = Math.max(buffered, slow.session.connection.bufferedBytes);
    return outcome;
  });
  collectGarbage();
  const grown = process.memoryUsage.rss() - rss;
  const during = await p99During(beside, sleep(TIMEOUT_MS));
  const codes = new Set((await Promise.all(questions)).map(({ error }) => error?.code ?? 'a decision'));
  const why: string[] = [];
  if (!codes.has('ERR_OVERLOADED'))
    why.push(`32 MiB were taken for a peer that reads nothing: ${[...codes].join(', ')}`);
  for (const code of codes)
    if (code !== 'ERR_OVERLOADED' && code !== 'ERR_TIMEOUT') why.push(`a request to the slow peer got ${code}`);
  // one message always fits into an empty buffer, so it may be the one that goes past the cap
  if (buffered > MAX_BUFFERED + 2 * HEADER_BYTES) why.push(`${(buffered / MIB).toFixed(1)} MiB were buffered`);
  if (grown > MAX_RSS_BYTES) why.push(`this process grew by ${Math.round(grown / 1e6)} MB`);
  if (during > 2 * before + NOISE_MS)
    why.push(`p99 of another connection went from ${inMs(before)} to ${inMs(during)}`);
  relay.last?.destroy();
  await slow.closed;
  return verdict(`${(buffered / MIB).toFixed(1)} MiB, +${Math.round(grown / 1e6)} MB, p99 ${inMs(during)}`, why);
}

/** A peer reads nothing while it is sent to. */
export const slow: Row = {
  id: 'R6',
  fault: 'consumer that reads nothing while we send 32 MiB',
  must: 'our buffers ≤ 8 MiB, RSS +32 MB at most, others unaffected',
  run,
};
