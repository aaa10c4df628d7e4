import type { Cell } from '../cell/cell.ts';
import { headers } from '../cell/events.ts';
import type { Outcome } from '../cell/asked.ts';
import type { Yardstick } from '../cell/yardstick.ts';
import { inMs } from '../figures.ts';
import { monotonicMs } from '../now.ts';
import { type Row, type Verdict, verdict } from '../row.ts';
import { within } from '../wait.ts';

const KEEPALIVE = { intervalMs: 20, timeoutMs: 20 };
const SLACK_MS = 100;

interface Round {
  readonly tookMs: number;
  readonly why: readonly string[];
  readonly late: boolean;
}

async function round(cell: Cell, endpoint: string, yardstick: Yardstick): Promise<Round> {
  const relay = await cell.relay(endpoint);
  const atOnce: Promise<Outcome>[] = [];
  const tracked = await cell.session(relay.endpoint, {
    keepalive: KEEPALIVE,
    onClose: () => {
      atOnce.push(tracked.ask(headers('/?n=1')));
      setImmediate(() => atOnce.push(tracked.ask(headers('/?n=2'))));
    },
  });
  await tracked.ask(headers('/?n=0'));
  relay.last?.stall();
  const since = monotonicMs();
  await within(tracked.closed, 2_000);
  const tookMs = monotonicMs() - since;
  await new Promise((resolve) => {
    setImmediate(() => setImmediate(resolve));
  });
  await relay.close();
  const why: string[] = [];
  if (tracked.closes === 0) why.push('keepalive did not end the session within 2 s');
  for (const { error } of await Promise.all(atOnce))
    if (error?.code !== 'ERR_CLOSED') why.push(`the next request got ${error?.code ?? 'a decision'}, not ERR_CLOSED`);
  if (atOnce.length !== 2) why.push(`${atOnce.length} requests followed instead of 2`);
  // one interval may already run when the peer falls silent
  const limitMs = 2 * KEEPALIVE.intervalMs + KEEPALIVE.timeoutMs + SLACK_MS;
  return { tookMs, why, late: tookMs > limitMs && tookMs > (await yardstick.allows(limitMs, since, since + tookMs)) };
}

async function run(cell: Cell): Promise<Verdict> {
  const agent = await cell.agent();
  const yardstick = await cell.yardstick();
  const why = new Set<string>();
  const late: string[] = [];
  let worst = 0;
  const rounds = cell.quick ? 10 : 100;
  for (let at = 0; at < rounds; at++) {
    cell.note(`round ${at + 1} of ${rounds}`);
    const one = await round(cell, agent.endpoint, yardstick);
    worst = Math.max(worst, one.tookMs);
    for (const text of one.why) why.add(text);
    if (one.late) late.push(`a hung peer was noticed after ${inMs(one.tookMs)}`);
  }
  return verdict(`${rounds} rounds, gone in ${inMs(worst)}`, [...why], late);
}

/** A peer hangs, keepalive ends the connection, and a request is made at that moment. */
export const hung: Row = {
  id: 'R5',
  fault: 'keepalive on, hung peer, next request at once',
  must: 'process alive, no uncaught error',
  run,
};
