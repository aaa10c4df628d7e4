import { setTimeout as sleep } from 'node:timers/promises';
import type { AgentProcess } from '../agents/agent-process.ts';
import { askReport } from '../cell/agent-leaks.ts';
import type { Cell } from '../cell/cell.ts';
import { headers } from '../cell/events.ts';
import { cpuFactor } from '../cell/yardstick.ts';
import type { TrackedSession } from '../cell/tracked-session.ts';
import { grouped, inMs, quantile } from '../figures.ts';
import { monotonicMs } from '../now.ts';
import { type Row, type Verdict, verdict } from '../row.ts';

const SIGNAL_MS = 10;
const PER_SECOND = 10_000;

/** Times until the handler's signal fired, for one request after the other. */
async function signalTimes(cell: Cell, agent: AgentProcess, tracked: TrackedSession): Promise<number[]> {
  const sentAt: number[] = [];
  for (let at = 0; at < (cell.quick ? 50 : 500); at++) {
    const exchange = tracked.session.open();
    const outcome = tracked.follow(() => exchange.ask(headers('/watch')));
    await tracked.ask(headers('/?n=0'));
    sentAt.push(monotonicMs());
    exchange.cancel();
    await outcome;
    await sleep(1);
  }
  const { aborted } = await askReport(agent, cell.column);
  if (aborted.length !== sentAt.length)
    throw new Error(`${sentAt.length} requests were cancelled, ${aborted.length} handlers were told`);
  return aborted.map((at, n) => at - (sentAt[n] ?? 0));
}

interface Rate {
  readonly perSecond: number;
  /** By the processor time of the busier process: what it would be if nothing else ran. */
  readonly perBusySecond: number;
}

/** Cancels a second, measured until the last handler was told. */
async function cancelRate(cell: Cell, agent: AgentProcess, tracked: TrackedSession): Promise<Rate> {
  const count = cell.quick ? 5_000 : 30_000;
  const batch = 500;
  const agentBefore = (await askReport(agent, cell.column)).cpuMs;
  const cpu = process.cpuUsage();
  const since = monotonicMs();
  for (let done = 0; done < count; done += batch) {
    const exchanges = Array.from({ length: batch }, () => tracked.session.open());
    const outcomes = exchanges.map((exchange) => tracked.follow(() => exchange.ask(headers('/watch'))));
    // the answer proves that all of them are being worked on
    await tracked.ask(headers('/?n=0'));
    for (const exchange of exchanges) exchange.cancel();
    await Promise.all(outcomes);
  }
  await tracked.ask(headers('/?n=0'));
  const { user, system } = process.cpuUsage(cpu);
  const { aborted, cpuMs } = await askReport(agent, cell.column);
  if (aborted.length !== count)
    throw new Error(`${count} requests were cancelled, ${aborted.length} handlers were told`);
  const busyMs = Math.max((user + system) / 1000, cpuMs - agentBefore);
  const tookMs = Math.max(...aborted) - since;
  return { perSecond: (count * 1000) / tookMs, perBusySecond: (count * 1000) / Math.min(busyMs, tookMs) };
}

/** p99 of quick requests while 200 handlers of the same connection do not decide. */
async function besideBlocked(tracked: TrackedSession): Promise<{ alone: number; beside: number }> {
  const times = async (): Promise<number> => {
    const all: number[] = [];
    for (let at = 0; at < 300; at++) {
      const since = monotonicMs();
      const { at: answeredAt } = await tracked.ask(headers('/?n=0'));
      all.push(answeredAt - since);
    }
    return quantile(all, 0.5);
  };
  const alone = await times();
  const exchanges = Array.from({ length: 200 }, () => tracked.session.open());
  const outcomes = exchanges.map((exchange) => tracked.follow(() => exchange.ask(headers('/watch'))));
  const beside = await times();
  for (const exchange of exchanges) exchange.cancel();
  await Promise.all(outcomes);
  return { alone, beside };
}

async function run(cell: Cell): Promise<Verdict> {
  const agent = await cell.agent();
  const tracked = await cell.session(agent.endpoint);
  const yardstick = await cell.yardstick();
  const since = monotonicMs();
  const times = await signalTimes(cell, agent, tracked);
  const signalMs = await yardstick.allows(SIGNAL_MS, since);
  const rate = await cancelRate(cell, agent, tracked);
  const { alone, beside } = await besideBlocked(tracked);
  const p99 = quantile(times, 0.99);
  const late: string[] = [];
  if (p99 > signalMs)
    late.push(`the handler's signal came after ${inMs(p99)} (p99), median ${inMs(quantile(times, 0.5))}`);
  if (rate.perBusySecond < PER_SECOND / cpuFactor())
    late.push(`${grouped(rate.perSecond)} cancels a second, ${grouped(rate.perBusySecond)} of processor time`);
  if (beside > 2 * alone + 2)
    late.push(`beside blocked handlers an answer takes ${inMs(beside)}, alone ${inMs(alone)}`);
  return verdict(`${inMs(p99)} p99, ${grouped(rate.perSecond)}/s wall, ${grouped(rate.perBusySecond)}/s cpu`, [], late);
}

/** Requests are given up. */
export const cancel: Row = {
  id: 'R15',
  fault: 'cancel',
  must: "handler's signal fires within 10 ms; 10 000 cancels/s; a blocked handler delays no other request",
  run,
};
