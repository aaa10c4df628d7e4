import { connectSession, type ProxySession } from '@agentwire/core/session';
import { reportOn } from '../cell/agent-leaks.ts';
import type { Cell } from '../cell/cell.ts';
import { cpuFactor } from '../cell/yardstick.ts';
import { headers } from '../cell/events.ts';
import { grouped } from '../figures.ts';
import { systemClock } from '@agentwire/core';
import { monotonicMs } from '../now.ts';
import { type Row, type Verdict, verdict } from '../row.ts';

const PER_SECOND = 20_000;
const MAX_RSS_BYTES = 400e6;
const PER_CONNECTION = 10;
/** Connections that a listener takes unless told otherwise. */
const CAP = 1_024;
const TIMEOUT_MS = 20_000;

/** Dials without what a cell counts of each request, which would take more time than the session. */
const open = ({ column }: Cell, endpoint: string): Promise<ProxySession> =>
  connectSession(column.transport, endpoint, { self: column.hello, keepalive: false });

/** Opens connections past the cap. @returns what the first one that is refused gets */
async function pastCap(cell: Cell, endpoint: string, sessions: ProxySession[]): Promise<string | undefined> {
  try {
    while (sessions.length <= CAP) sessions.push(await open(cell, endpoint));
    return `more than ${CAP} connections were taken`;
  } catch (error) {
    const { code, message } = error as Error & { code?: string };
    return code === 'ERR_OVERLOADED' && message.includes(String(CAP)) ? undefined : `${code}: ${message}`;
  }
}

async function run(cell: Cell): Promise<Verdict> {
  const agent = await cell.agent();
  const [count, seconds] = cell.quick ? [100, 2] : [1_000, 60];
  const first = await cell.session(agent.endpoint, { keepalive: false });
  const sessions: ProxySession[] = [];
  for (let at = 0; at < count; at++) {
    cell.note(`connection ${at + 1} of ${count}`);
    sessions.push(await open(cell, agent.endpoint));
  }
  cell.progress(`${count} connections, for ${seconds} s`);
  const agentBefore = await reportOn(first);
  const event = headers('/?n=1');
  const cpu = process.cpuUsage();
  const since = monotonicMs();
  const state = { over: false };
  systemClock.setTimeout(() => (state.over = true), seconds * 1_000);
  let [asked, failed] = [0, 0];
  let code: string | undefined;
  const keepAsking = async (session: ProxySession): Promise<void> => {
    while (!state.over) {
      asked += 1;
      try {
        await session.request(event, { timeoutMs: TIMEOUT_MS });
      } catch (error) {
        failed += 1;
        code = (error as { code?: string }).code;
      }
    }
  };
  await Promise.all(sessions.flatMap((session) => Array.from({ length: PER_CONNECTION }, () => keepAsking(session))));
  const tookMs = monotonicMs() - since;
  const { user, system } = process.cpuUsage(cpu);
  const rss = process.memoryUsage.rss();
  const after = await reportOn(first);
  const busyMs = Math.min(tookMs, Math.max((user + system) / 1_000, after.cpuMs - agentBefore.cpuMs));
  const perBusySecond = (asked * 1_000) / busyMs;
  const why: string[] = [];
  const answers = sessions.reduce((sum, { stats }) => sum + stats.answers, 0);
  if (answers !== asked - failed) why.push(`${answers} answers are counted of ${asked - failed}`);
  if (sessions.some(({ pending, inFlight }) => pending + inFlight > 0)) why.push('something is pending');
  if (failed > 0) why.push(`${failed} of ${asked} requests failed, with ${code}`);
  for (const [name, bytes] of [['this process', rss] as const, ['the agent', after.rssBytes] as const])
    if (bytes > MAX_RSS_BYTES) why.push(`${name} holds ${Math.round(bytes / 1e6)} MB`);
  // where the agent dials, the cap is that of a listener, which its own tests have
  if (!cell.quick && cell.column.reverse === undefined) {
    const refused = await pastCap(cell, agent.endpoint, sessions);
    if (refused !== undefined) why.push(`past the cap: ${refused}`);
  }
  await Promise.all(sessions.map((session) => session.close()));
  // in two seconds the code is not warm
  const late =
    !cell.quick && perBusySecond < PER_SECOND / cpuFactor()
      ? [`${grouped(perBusySecond)} requests a second of processor time`]
      : [];
  const megabytes = `${Math.round(rss / 1e6)} + ${Math.round(after.rssBytes / 1e6)} MB`;
  return verdict(
    `${grouped((asked * 1_000) / tookMs)}/s wall, ${grouped(perBusySecond)}/s cpu, ${megabytes}`,
    why,
    late,
  );
}

/** Many connections, and many requests in flight on them. */
export const many: Row = {
  id: 'R8',
  fault: '1 000 connections, 10 000 in flight, 60 s',
  must: '≥ 20 000 req/s, RSS ≤ 400 MB, no error; the next connection past the cap is refused with a reason',
  run,
};
