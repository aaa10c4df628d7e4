import { setTimeout as sleep } from 'node:timers/promises';
import { collectGarbage } from '../agents/agent-report.ts';
import { NOISE_MS, p99, p99During } from '../cell/beside.ts';
import type { Outcome } from '../cell/asked.ts';
import type { Cell } from '../cell/cell.ts';
import { headers } from '../cell/events.ts';
import { inMs } from '../figures.ts';
import { type Row, type Verdict, verdict } from '../row.ts';
import { turn } from '../wait.ts';

const MIB = 1024 * 1024;
const MAX_BUFFERED = 8 * MIB;
const MAX_RSS_BYTES = 32e6;
const HEADER_BYTES = 64 * 1024;
const TIMEOUT_MS = 1_000;

async function run(cell: Cell): Promise<Verdict> {
  const agent = await cell.agent();
  const relay = await cell.relay(agent.endpoint);
  const slow = await cell.session(relay.endpoint, { keepalive: false });
  const beside = await cell.session(agent.endpoint);
  await p99(beside, 100);
  const before = await p99(beside, cell.quick ? 100 : 1_000);
  // 32 MiB, or 16 in a short run: more than may be buffered
  const count = cell.quick ? 256 : 512;
  const big = { ...headers('/?n=1'), headers: ['x-big', 'b'.repeat(HEADER_BYTES)] };
  // as much again to a reading peer, so that later growth is not the heap finding its size
  for (let at = 0; at < count; at++) await beside.ask(big);
  relay.last?.stall();
  collectGarbage();
  const rss = process.memoryUsage.rss();
  let buffered = 0;
  const questions: Promise<Outcome>[] = [];
  for (let at = 0; at < count; at++) {
    questions.push(slow.ask(big, { timeoutMs: TIMEOUT_MS }));
    buffered = Math.max(buffered, slow.session.connection.bufferedBytes);
    if (at % 8 === 7) await turn();
  }
  collectGarbage();
  const grown = process.memoryUsage.rss() - rss;
  const during = await p99During(beside, sleep(TIMEOUT_MS));
  const codes = new Set((await Promise.all(questions)).map(({ error }) => error?.code ?? 'a decision'));
  const why: string[] = [];
  const late: string[] = [];
  if (!codes.has('ERR_OVERLOADED'))
    why.push(`${(count * HEADER_BYTES) / MIB} MiB were taken for a peer that reads nothing: ${[...codes].join(', ')}`);
  for (const code of codes)
    if (code !== 'ERR_OVERLOADED' && code !== 'ERR_TIMEOUT') why.push(`a request to the slow peer got ${code}`);
  // one message always fits into an empty buffer, so it may be the one that goes past the cap
  if (buffered > MAX_BUFFERED + 2 * HEADER_BYTES) why.push(`${(buffered / MIB).toFixed(1)} MiB were buffered`);
  if (grown > MAX_RSS_BYTES) why.push(`this process grew by ${Math.round(grown / 1e6)} MB`);
  if (during > 2 * before + NOISE_MS)
    late.push(`p99 of another connection went from ${inMs(before)} to ${inMs(during)}`);
  relay.last?.destroy();
  await slow.closed;
  return verdict(`${(buffered / MIB).toFixed(1)} MiB, +${Math.round(grown / 1e6)} MB, p99 ${inMs(during)}`, why, late);
}

/** A peer reads nothing while it is sent to. */
export const slow: Row = {
  id: 'R6',
  fault: 'consumer that reads nothing while we send',
  must: 'our buffers ≤ 8 MiB, RSS +32 MB at most, others unaffected',
  run,
};
