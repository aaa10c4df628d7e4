import {
  type A2AEndpoint,
  type AgentCapabilities,
  payload,
  type ReceivedMessage,
  scope,
  target,
} from '@agentwire/a2a-router';
import { AgentwireError } from '@agentwire/core';
import { countPrimes, type Finding, type Piece, pieces } from './job.ts';

/** Tells the spectators one line of the conversation. */
export type Say = (line: string) => void;

/** Capabilities of each member of the team: the planner may do everything, a worker report, the auditor only answer. */
export const CAPABILITIES: Readonly<Record<'planner' | 'worker' | 'auditor', Partial<AgentCapabilities>>> = {
  planner: {},
  worker: { ipcScope: scope.topic(['job.done']) },
  auditor: { ipcScope: scope.topic(['job.*']) },
};

/** Gives the pieces to the workers that have time, adds up, and asks the auditor whether that is right. */
export async function runPlanner(agent: A2AEndpoint, say: Say): Promise<number> {
  const trace = { traceId: 'job-primes' };
  const findings = await Promise.all(
    pieces().map(async (piece) => {
      say(`planner → primes: count the primes from ${piece.from} to ${piece.to}`);
      const answer = await agent.request(
        target.service('primes'),
        payload.json({ ...piece }),
        { timeoutMs: 10_000 },
        trace,
      );
      const finding = valueOf(answer.payload) as Finding;
      say(`${finding.worker} → planner: ${finding.count} from ${finding.from} to ${finding.to}`);
      return finding;
    }),
  );
  const total = findings.reduce((sum, { count }) => sum + count, 0);
  say(`planner → auditor: we found ${total} in ${findings.length} pieces, is that so?`);
  const answer = await agent.request(
    target.service('audit'),
    payload.json({ pieces: findings.length }),
    { timeoutMs: 10_000 },
    trace,
  );
  const audited = (valueOf(answer.payload) as { readonly total: number }).total;
  say(`auditor → planner: I saw ${audited}`);
  if (audited !== total) throw new Error(`the planner has ${total}, the auditor ${audited}`);
  return total;
}

/** Counts what it is asked for, and tells everybody who listens that a piece is done. */
export async function runWorker(agent: A2AEndpoint, name: string, say: Say): Promise<void> {
  agent.provide('primes');
  for await (const message of agent.inbox) {
    const piece = valueOf(message.payload) as Piece;
    const finding: Finding = { ...piece, count: countPrimes(piece), worker: name };
    await message.reply(payload.json({ ...finding }));
    await agent.publish('job.done', payload.json({ ...finding }), { traceId: message.traceId });
    if (piece.from === 0) await tryToGossip(agent, name, message, say);
  }
}

/** A worker may report and answer, but not write to the auditor: the router refuses, and the chain remembers. */
async function tryToGossip(agent: A2AEndpoint, name: string, message: ReceivedMessage, say: Say): Promise<void> {
  try {
    await agent.send(target.service('audit'), payload.text('psst, count mine twice'), { traceId: message.traceId });
    throw new Error('the router let a worker write to the auditor');
  } catch (error) {
    if (!(error instanceof AgentwireError) || error.code !== 'ERR_CAPABILITY_DENIED') throw error;
    say(`${name} ✗ auditor: refused, ${error.code}`);
  }
}

/** Listens to what is done, and answers for it once it has seen as many pieces as it is asked about. */
export async function runAuditor(agent: A2AEndpoint): Promise<void> {
  agent.subscribe('job.done');
  agent.provide('audit');
  const seen = new Map<number, number>();
  let question: ReceivedMessage | undefined;
  for await (const message of agent.inbox) {
    if (message.target.kind === 'topic') {
      const { from, count } = valueOf(message.payload) as Finding;
      seen.set(from, count);
    } else question = message;
    if (question === undefined || seen.size < (valueOf(question.payload) as { readonly pieces: number }).pieces)
      continue;
    const total = [...seen.values()].reduce((sum, count) => sum + count, 0);
    await question.reply(payload.json({ total }));
    question = undefined;
  }
}

function valueOf(body: ReceivedMessage['payload']): unknown {
  if (body.kind !== 'json') throw new Error(`expected json, got ${body.kind}`);
  return body.value;
}
