import { systemClock } from '@agentwire/core';
import { connectSession, type ProxySession } from '@agentwire/core/session';
import type { AgentReport } from '../agents/agent-report.ts';
import { headers } from '../cell/events.ts';
import { COLUMNS, type Column } from '../columns.ts';
import { monotonicMs } from '../now.ts';

// A proxy with many connections to one agent, on each of which several requests are in flight all the time. It is a process of its
// own, so that what the board holds is not in its memory. Prints a report as one line of JSON.

/** Report of the program. */
export interface ManySessionsReport {
  readonly asked: number;
  readonly failed: number;
  /** Code of the last failure. */
  readonly code?: string | undefined;
  /** Answers by the counters of all sessions. */
  readonly answers: number;
  /** Requests that are pending or in flight at the end. */
  readonly left: number;
  readonly tookMs: number;
  readonly cpuMs: number;
  readonly rssBytes: number;
  readonly agentCpuMs: number;
  readonly agentRssBytes: number;
  /** Outcome of the first connection past `cap`, where one was given. */
  readonly pastCap?: { readonly code: string; readonly message: string } | undefined;
}

const PER_CONNECTION = 10;
const TIMEOUT_MS = 20_000;
/** Time for the agent's report of itself, which is no figure. */
const REPORT_MS = 60_000;

const [, , id, endpoint = '', count = '0', seconds = '0', cap = '0'] = process.argv;
const { transport, hello } = COLUMNS.find((one) => one.id === id) as Column;
const sessions: ProxySession[] = [];

// without what a cell counts of each request, which would take more time than the session
const open = async (): Promise<void> => {
  sessions.push(await connectSession(transport, endpoint, { self: hello, keepalive: false }));
};

async function agentReport(): Promise<AgentReport> {
  const decision = await sessions[0]?.request(headers('/report'), { timeoutMs: REPORT_MS });
  return JSON.parse(decision?.audit?.tags?.[0] ?? '{}') as AgentReport;
}

/** Opens connections past the cap. @returns what the first one that is refused gets */
async function pastCap(): Promise<ManySessionsReport['pastCap']> {
  try {
    while (sessions.length <= Number(cap)) await open();
    return { code: 'none', message: `${sessions.length} connections were taken` };
  } catch (error) {
    const { code = '', message } = error as Error & { readonly code?: string };
    return { code, message };
  }
}

for (let at = 0; at < Number(count); at += 1) await open();
const before = await agentReport();
const event = headers('/?n=1');
const state = { over: false };
let [asked, failed] = [1, 0];
let code: string | undefined;
const cpu = process.cpuUsage();
const since = monotonicMs();
systemClock.setTimeout(() => (state.over = true), Number(seconds) * 1_000);

async function keepAsking(session: ProxySession): Promise<void> {
  while (!state.over) {
    asked += 1;
    try {
      await session.request(event, { timeoutMs: TIMEOUT_MS });
    } catch (error) {
      failed += 1;
      code = (error as { code?: string }).code;
    }
  }
}

await Promise.all(sessions.flatMap((session) => Array.from({ length: PER_CONNECTION }, () => keepAsking(session))));
const tookMs = monotonicMs() - since;
const { user, system } = process.cpuUsage(cpu);
const rssBytes = process.memoryUsage.rss();
const answers = sessions.reduce((sum, { stats }) => sum + stats.answers, 0);
const left = sessions.reduce((sum, { pending, inFlight }) => sum + pending + inFlight, 0);
const after = await agentReport();
const report: ManySessionsReport = {
  asked,
  failed,
  code,
  answers,
  left,
  tookMs,
  cpuMs: (user + system) / 1_000,
  rssBytes,
  agentCpuMs: after.cpuMs - before.cpuMs,
  agentRssBytes: after.rssBytes,
  pastCap: Number(cap) > 0 ? await pastCap() : undefined,
};
await Promise.all(sessions.map((session) => session.close()));
process.stdout.write(`${JSON.stringify(report)}\n`, () => process.exit(0));
