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
/** Sessions of an agent whose process ends: a process takes more time to start than all else of a round. */
const SESSIONS = 5;

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
  const count = end.process === true ? SESSIONS : 1;
  const sessions = await Promise.all(Array.from({ length: count }, () => cell.session(relay.endpoint)));
  const ms = end.graceful === true ? 10 : 60_000;
  const asked = sessions.map((tracked) => {
    const ask = (uri: string): Promise<Outcome> => tracked.ask(headers(uri), { timeoutMs: TIMEOUT_MS });
    const questions = Array.from({ length: IN_FLIGHT }, (_, n) => ask(`/slow?ms=${ms}&n=${n}`));
    return { tracked, ask, questions };
  });
  // one answer proves that everything before it has arrived
  await Promise.all(asked.map(({ ask }) => ask('/?n=0')));
  const [first] = asked;
  if (first !== undefined) void end.run({ cell, agent, relay, ask: first.ask });
  const found = new Set<string>();
  for (const { tracked, ask, questions } of asked) {
    const outcomes = await Promise.all(questions);
    await waitUntil(() => tracked.closes > 0, 2_000);
    if (tracked.closes === 0) found.add('the session did not learn of the end');
    for (const [n, { decision, error }] of outcomes.entries()) {
      if (decision !== undefined && numberOf(decision) !== String(n)) found.add(`request ${n} got another's answer`);
      if (end.graceful === true && error !== undefined)
        found.add(`lost a request with ${error.code}: ${error.message}`);
      if (end.graceful !== true && error?.code !== 'ERR_CLOSED')
        found.add(`${error?.code ?? 'a decision'} instead of ERR_CLOSED`);
    }
    const late = await ask('/?n=0');
    if (late.error?.code !== 'ERR_CLOSED') found.add(`a question after the end: ${late.error?.code ?? 'a decision'}`);
    await tracked.session.close();
  }
  return [...found].map((text) => `${end.name}: ${text}`);
}

async function run(cell: Cell): Promise<Verdict> {
  const found = new Set<string>();
  let sessions = 0;
  for (const end of ENDS) {
    if (end.name === 'rst' && cell.column.tcp !== true) continue;
    cell.progress(end.name);
    let parts: { agent: AgentProcess; relay: Relay } | undefined;
    const each = end.process === true ? SESSIONS : 1;
    const times = cell.quick ? 5 : 100;
    for (let at = 0; at < times; at += each) {
      cell.note(`${end.name} ${at + 1} of ${times}`);
      if (parts === undefined || end.process === true) {
        const agent = await cell.agent(end.process === true ? 'faults' : 'sessions');
        if (end.process === true) agent.endsItself = true;
        parts = { agent, relay: await cell.relay(agent.endpoint) };
      }
      for (const text of await round(cell, end, parts.agent, parts.relay)) found.add(text);
      sessions += each;
    }
  }
  return verdict(`${grouped(sessions)} ends × ${IN_FLIGHT}`, [...found]);
}

/** The agent's side ends the connection in every way there is. */
export const ends: Row = {
  id: 'R4',
  fault: 'peer ends its session in 8 ways, 20 in flight',
  must: 'by destroy, close, drain (GOAWAY), FIN, RST (TCP), exit, kill, SIGTERM: nothing hangs; GOAWAY and graceful close lose nothing',
  // it starts 60 processes
  patience: 2,
  run,
};
