import type { Decision } from '@agentwire/core';
import { connectSession } from '@agentwire/core/session';
import type { AgentProcess } from '../agents/agent-process.ts';
import type { AgentReport } from '../agents/agent-report.ts';
import type { Column } from '../columns.ts';
import { monotonicMs } from '../now.ts';
import { turn } from '../wait.ts';
import { headers } from './events.ts';
import type { TrackedSession } from './tracked-session.ts';
import { grownHandles } from './watcher.ts';

/** Time for a report, which is no figure: after a load the agent and this process may have a queue, in milliseconds. */
const REPORT_MS = 60_000;

/** Requests an agent's report over a new connection. */
export async function askReport(agent: AgentProcess, column: Column): Promise<AgentReport> {
  const session = await connectSession(column.transport, agent.endpoint, { self: column.hello });
  const decision = await session.request(headers('/report'), { timeoutMs: REPORT_MS });
  await session.close();
  return reportIn(decision);
}

/** Requests an agent's report over an open session. */
export async function reportOn(tracked: TrackedSession): Promise<AgentReport> {
  const { decision } = await tracked.ask(headers('/report'), { timeoutMs: REPORT_MS });
  return reportIn(decision);
}

function reportIn(decision: Decision | undefined): AgentReport {
  const text = decision?.audit?.tags?.[0];
  if (text === undefined) throw new Error('the agent gave no report of itself within a minute');
  return JSON.parse(text) as AgentReport;
}

/** Compares what an agent holds before and after a row. */
export class AgentLeaks {
  readonly #agent: AgentProcess;
  readonly #column: Column;
  readonly #before: AgentReport;

  private constructor(agent: AgentProcess, column: Column, before: AgentReport) {
    this.#agent = agent;
    this.#column = column;
    this.#before = before;
  }

  static async begin(agent: AgentProcess, column: Column): Promise<AgentLeaks> {
    return new AgentLeaks(agent, column, await askReport(agent, column));
  }

  /** Lists leaks and unhandled errors of the agent. */
  async findings(): Promise<string[]> {
    const until = monotonicMs() + 3_000;
    let left: string[];
    let report: AgentReport;
    do {
      await turn();
      report = await askReport(this.#agent, this.#column);
      left = grownHandles(this.#before.handles, report.handles);
      if (report.running > 0) left.push(`${report.running} handlers run`);
    } while (left.length > 0 && monotonicMs() < until);
    const found = report.uncaught.map((text) => `in the agent: ${text}`);
    if (left.length > 0) found.push(`left in the agent: ${left.join(', ')}`);
    return found;
  }
}
