import type { Decision } from '@agentwire/core';
import type { EventBody } from '@agentwire/core/session';
import type { Outcome } from '../cell/asked.ts';
import type { Cell } from '../cell/cell.ts';
import { headers, numberOf } from '../cell/events.ts';
import { ANSWER, changeFrames, changeHttp2, EVENTS, type ChangeMessage } from '../relay/messages.ts';
import type { RelayOptions } from '../relay/relay.ts';
import { noFrames, type Row, type Verdict, verdict } from '../row.ts';
import { damages, SAMPLES, type Damage } from './r12-cases.ts';

const TIMEOUT_MS = 2_000;

/** Damages the next message of one type, once. */
class Saboteur {
  next: { readonly type: number; readonly damage: Damage } | undefined;

  readonly change: ChangeMessage = (type, payload) => {
    const { next } = this;
    if (next?.type !== type) return payload;
    this.next = undefined;
    return next.damage.apply(payload);
  };
}

function relayOptions(cell: Cell, toAgent: Saboteur, toProxy: Saboteur): RelayOptions {
  if (cell.column.medium === 'frames')
    return { toAgent: () => changeFrames(toAgent.change), toProxy: () => changeFrames(toProxy.change) };
  return {
    toAgent: () => changeHttp2('toAgent', toAgent.change),
    toProxy: () => changeHttp2('toProxy', toProxy.change),
  };
}

/** A block that says in its reasons that the agent could not read the event; all that a peer without errors can be told. */
const saysProtocol = (decision: Decision | undefined): boolean =>
  decision?.verdict.type === 'block' && decision.audit?.reasonCodes?.includes('agentwire:ERR_PROTOCOL') === true;

const words = ({ decision, error }: Outcome): string =>
  error === undefined ? `the decision ${decision?.verdict.type}` : `${error.code} (${error.message})`;

/** Tests for `ERR_PROTOCOL`, or its substitute for a peer without errors. */
function judged(outcome: Outcome, damaged: 'event' | 'answer'): boolean {
  return outcome.error?.code === 'ERR_PROTOCOL' || (damaged === 'event' && saysProtocol(outcome.decision));
}

async function run(cell: Cell): Promise<Verdict> {
  const agent = await cell.agent();
  const events = new Saboteur();
  const answers = new Saboteur();
  const relay = await cell.relay(agent.endpoint, relayOptions(cell, events, answers));
  const why: string[] = [];
  let cases = 0;

  const ask = async (sample: EventBody, set: () => void): Promise<[Outcome, Outcome, boolean]> => {
    const tracked = await cell.session(relay.endpoint);
    const exchange = tracked.session.open();
    const askIn = (event: EventBody): Promise<Outcome> =>
      tracked.follow(() => exchange.ask(event, { timeoutMs: TIMEOUT_MS }), TIMEOUT_MS);
    if (sample.type.endsWith('Chunk') || sample.type === 'responseHeaders') await askIn(headers('/more'));
    set();
    const victim = askIn(sample);
    const neighbour = tracked.ask(headers('/?n=neighbour'), { timeoutMs: TIMEOUT_MS });
    const outcomes = await Promise.all([victim, neighbour]);
    exchange.end();
    const alive = tracked.session.connection.status === 'open';
    await tracked.session.close();
    return [...outcomes, alive];
  };

  const check = async (sample: EventBody, damage: Damage, damaged: 'event' | 'answer'): Promise<void> => {
    cases += 1;
    const saboteur = damaged === 'event' ? events : answers;
    const type = damaged === 'event' ? (EVENTS[sample.type] ?? 0) : ANSWER;
    const [victim, neighbour, alive] = await ask(sample, () => (saboteur.next = { type, damage }));
    const what = `${damaged === 'event' ? sample.type : 'answer'} with ${damage.name}`;
    if (saboteur.next !== undefined) why.push(`${what}: nothing of that type passed`);
    saboteur.next = undefined;
    if (!judged(victim, damaged)) why.push(`${what}: got ${words(victim)} instead of ERR_PROTOCOL`);
    if (numberOf(neighbour.decision) !== 'neighbour')
      why.push(`${what}: the request beside it got ${words(neighbour)}`);
    if (!alive) why.push(`${what}: the connection was ended`);
  };

  for (const sample of SAMPLES)
    for (const damage of damages(cell.column, sample.type)) await check(sample, damage, 'event');
  const [head = headers('/')] = SAMPLES;
  for (const damage of damages(cell.column, 'answer')) {
    await check(head, damage, 'answer');
    why.push(...(await checkPolicies(cell, relay.endpoint, () => (answers.next = { type: ANSWER, damage }), damage)));
  }
  return verdict(`${cases} kinds of damage`, why);
}

/** The pool's policy decides, says so, and nothing else allows. */
async function checkPolicies(cell: Cell, endpoint: string, set: () => void, damage: Damage): Promise<string[]> {
  const found: string[] = [];
  const pool = cell.pool({ connectionsPerAgent: 1 });
  for (const onFailure of ['closed', 'open'] as const) {
    await pool.addAgent(onFailure, endpoint, { onFailure });
    set();
    const question = { ...headers('/?n=victim'), id: 1 };
    const { decision } = await cell.asked.follow(pool.decide(onFailure, question, { only: true }), TIMEOUT_MS);
    const want = onFailure === 'closed' ? 'block' : 'allow';
    const audit = decision?.audit;
    if (decision?.verdict.type !== want || audit?.tags?.includes(`agentwire:fail-${onFailure}`) !== true)
      found.push(`answer with ${damage.name}: the policy ${onFailure} did not decide, but ${decision?.verdict.type}`);
    else if (audit.reasonCodes?.includes('agentwire:ERR_PROTOCOL') !== true)
      found.push(`answer with ${damage.name}: the policy's reason is ${audit.reasonCodes?.join(', ')}`);
  }
  await pool.close();
  return found;
}

/** One message cannot be decoded. */
export const undecodable: Row = {
  id: 'R12',
  fault: 'undecodable event or decision of each kind',
  must: 'ERR_PROTOCOL with the right request id; outcome by the failure policy; no implicit allow',
  notApplicable: noFrames,
  run,
};
