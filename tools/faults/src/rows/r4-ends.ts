import type { Cell } from '../cell/cell.ts';
import { headers, numberOf } from '../cell/events.ts';
import { grouped } from '../figures.ts';
import type { AgentProcess } from '../agents/agent-process.ts';
import type { Outcome } from '../cell/asked.ts';
import type { CutKind, Relay } from '../relay/relay.ts';
import { type Row, type Verdict, verdict } from '../row.ts';
import { waitUntil } from '../wait.ts';

const IN_FLIGHT = 20;
const TIMEOUT_MS = 5_000;

interface End {
  readonly name: string;
  /** Set when every request in flight must be answered. */
  readonly graceful?: boolean;
  /** Set when it ends the agent's process. */
  readonly process?: boolean;
  run(parts: { cell: Cell; agent: AgentProcess; relay: Relay; ask: (uri: string) => Promise<Outcome> }): unknown;
}

const cut = (kind: CutKind): End => ({ name: kind, run: ({ relay }) => relay.last?.cut(kind) });
const bySession = (how: string, graceful: boolean): End => ({
  name: how,
  graceful,
  run: ({ ask }) => ask(`/?how=${how}`),
});

const ENDS: readonly End[] = [
  bySession('destroy', false),
  bySession('close', false),
  bySession('drain', true),
  cut('fin'),
  cut('rst'),
  { name: 'exit', process: true, run: ({ ask }) => ask('/exit') },
  { name: 'kill', process: true, run: ({ agent }) => agent.signal('SIGKILL') },
  { name: 'sigterm', process: true, graceful: true, run: ({ agent }) => agent.signal('SIGTERM') },
];

async function round(cell: Cell, end: End, agent: AgentProcess, relay: Relay): Promise<string[]> {
  const tracked = await cell.session(relay.endpoint);
  const ask = (uri: string): Promise<Outcome> => tracked.ask(headers(uri), { timeoutMs: TIMEOUT_MS });
  const ms = end.graceful === true ? 10 : 60_000;
  const questions = Array.from({ length: IN_FLIGHT }, (_, n) => ask(`/slow?ms=${ms}&n=${n}`));
  // one answer proves that everything before it has arrived
  await ask('/?n=0');
  void end.run({ cell, agent, relay, ask });
  const outcomes = await Promise.all(questions);
  await waitUntil(() => tracked.closes > 0, 2_000);
  const found: string[] = [];
  if (tracked.closes === 0) found.push('the session did not learn of the end');
  for (const [n, { decision, error }] of outcomes.entries()) {
    if (decision !== undefined && numberOf(decision) !== String(n)) found.push(`request ${n} got another's answer`);
    if (end.graceful === true && error !== undefined) found.push(`lost a request with ${error.code}: ${error.message}`);
    if (end.graceful !== true && error?.code !== 'ERR_CLOSED')
      found.push(`${error?.code ?? 'a decision'} instead of ERR_CLOSED`);
  }
  const late = await ask('/?n=0');
  if (late.error?.code !== 'ERR_CLOSED') found.push(`a question after the end: ${late.error?.code ?? 'a decision'}`);
  await tracked.session.close();
  return [...new Set(found)].map((text) => `${end.name}: ${text}`);
}

async function run(cell: Cell): Promise<Verdict> {
  const found = new Set<string>();
  let rounds = 0;
  for (const end of ENDS) {
    if (end.name === 'rst' && cell.column.medium === 'frames' && cell.column.reverse !== 'tcp') continue;
    cell.progress(end.name);
    let parts: { agent: AgentProcess; relay: Relay } | undefined;
    const times = cell.quick ? (end.process === true ? 1 : 5) : 100;
    for (let at = 0; at < times; at++) {
      if (parts === undefined || end.process === true) {
        const agent = await cell.agent(end.process === true ? 'faults' : 'sessions');
        if (end.process === true) agent.endsItself = true;
        parts = { agent, relay: await cell.relay(agent.endpoint) };
      }
      for (const text of await round(cell, end, parts.agent, parts.relay)) found.add(text);
      rounds += 1;
    }
  }
  return verdict(`${grouped(rounds)} ends × ${IN_FLIGHT}`, [...found]);
}

/** The agent's side ends the connection in every way there is. */
export const ends: Row = {
  id: 'R4',
  fault: 'peer ends its session in 8 ways, 20 in flight',
  must: 'by destroy, close, drain (GOAWAY), FIN, RST (TCP), exit, kill, SIGTERM: nothing hangs; GOAWAY and graceful close lose nothing',
  // it starts 300 processes
  patience: 4,
  run,
};
