import type { HeaderOp } from '@agentwire/core';
import { applyHeaderOps } from '@agentwire/headers';
import { differences } from './differential.ts';
import { headerOf } from './http-text.ts';
import { pairs } from './journal.ts';
import type { Outcome } from './rig.ts';
import { ATTACK, type AgentSide, type Scenario, SECRET } from './scenario.ts';

/** Names that a gateway writes by itself towards the upstream. */
const FRAMING = new Set([
  'content-length',
  'transfer-encoding',
  'connection',
  'keep-alive',
  'te',
  'trailer',
  'expect',
  'upgrade',
  'host',
]);

/** Statuses that stand for "an agent or the gateway did not allow it". */
const isRefusal = (status: number): boolean =>
  status === 418 || status === 403 || status === 302 || (status >= 400 && status < 600);

type Lines = readonly (readonly [string, string])[];

function byName(lines: Lines): Record<string, string[]> {
  const grouped = Map.groupBy(
    lines.filter(([name]) => !FRAMING.has(name)),
    ([name]) => name,
  );
  return Object.fromEntries([...grouped].map(([name, all]) => [name, all.map(([, value]) => value)]));
}

function withOps(lines: Lines, ops: readonly HeaderOp[]): Lines {
  return pairs(applyHeaderOps(lines.flat(), ops));
}

/** Tests whether this side of an agent's plan refuses a body with or without its marker. */
function refuses(plan: AgentSide, marked: boolean): boolean {
  if (plan.verdict !== 'allow' && plan.reading !== 'chunks') return true;
  if (plan.verdict !== 'allow' && plan.reading === 'chunks') return true;
  return marked && plan.reading !== 'none';
}

/** Returns what the agents let through of a body that they all saw. */
function changed(body: string, plans: readonly AgentSide[]): string {
  let current = body;
  for (const { reading, change } of plans) {
    if (reading !== 'chunks') continue;
    if (change === 'drop') current = '';
    if (change === 'upper') current = current.replaceAll('a', 'A');
  }
  return current;
}

/**
 * Returns the operations that the last agent did not see in the head it was asked about, in the order they apply: those of an
 * agent that reads the body first come with its end.
 */
function opsAfterLastHead({ request, agents }: Scenario): HeaderOp[] {
  const { framing, pieces } = request.body;
  const hasBody = framing === 'chunked' || pieces.some((piece) => piece !== '');
  const isLate = ({ reading }: AgentSide): boolean => hasBody && (reading === 'whole' || reading === 'iterate');
  const [first, second] = [agents[0].request, agents[1].request];
  const early = isLate(second) ? [] : second.ops;
  const late = [...(isLate(first) ? first.ops : []), ...(isLate(second) ? second.ops : [])];
  return [...early, ...late];
}

function judgedRequest({ scenario, agents, upstream }: Outcome, found: string[]): void {
  const got = upstream.at(-1);
  const last = agents[1].request;
  if (got === undefined) return;
  if (last.head === undefined) {
    found.push('the upstream got a request that the last agent was not asked about');
    return;
  }
  const plans = [scenario.agents[0].request, scenario.agents[1].request];
  if (plans.some(({ verdict }) => verdict !== 'allow')) {
    // with stream, a refusal after a body was read may come when a part of it is on its way; before, nothing may
    const early = plans.some(
      ({ verdict, reading }) => verdict !== 'allow' && (reading === 'none' || reading === 'chunks'),
    );
    if (early || scenario.mode === 'hold') found.push('the upstream got a request that an agent refused');
  }
  const [method, uri, host] = last.head.start.split(' ');
  if (!got.start.startsWith(`${method} ${uri} `))
    found.push(`the last agent judged ${method} ${uri}, the upstream got ${got.start}`);
  const upstreamHost = headerOf(got.headers, 'host');
  if (upstreamHost !== host) found.push(`the agents judged host ${host}, the upstream got ${upstreamHost}`);
  // operations that come too late for a head that is on its way end the request, which is then cut at the upstream
  if (scenario.mode === 'stream' && !got.whole) return;
  const expected = byName(withOps(last.head.headers, opsAfterLastHead(scenario)));
  for (const difference of differences(expected, byName(got.headers), 'headers'))
    found.push(`after the last agent ≠ at the upstream: ${difference}`);
  bodyPassed(
    got,
    agents.map(({ request }) => request),
    plans,
    found,
  );
}

function bodyPassed(
  got: { readonly body: string; readonly whole: boolean },
  views: readonly { readonly body: string | undefined; readonly whole: boolean }[],
  plans: readonly AgentSide[],
  found: string[],
): void {
  for (const [at, { body, whole }] of views.entries()) {
    const plan = plans[at];
    if (plan === undefined || plan.reading === 'none') continue;
    if (got.whole && !whole && (got.body !== '' || body !== undefined) && plan.verdict === 'allow')
      found.push(
        `agent ${at} reads (${plan.reading}) and saw ${body === undefined ? 'nothing' : `${body.length} characters, not the end`}, but ${got.body.length} characters passed whole`,
      );
    const expected = changed(body ?? '', plans.slice(at));
    if (got.whole && whole && plan.verdict === 'allow' && expected !== got.body)
      found.push(
        `agent ${at} judged ${(body ?? '').length} characters (${expected.length} after changes), ${got.body.length} passed`,
      );
  }
}

function refusedRequest({ scenario, client, upstream }: Outcome, found: string[]): void {
  const status = Number(client.response?.startLine.split(' ')[1] ?? 0);
  const marked = scenario.request.body.pieces.join('').includes(ATTACK);
  const [first, second] = scenario.agents;
  // what an earlier agent drops or changes, a later one does not see
  const hidden = first.request.reading === 'chunks' && first.request.change !== 'pass';
  const refused = refuses(first.request, marked) || refuses(second.request, marked && !hidden);
  if (refused && client.response?.whole === true && status > 0 && !isRefusal(status) && scenario.mode === 'hold')
    found.push(`an agent refuses this request, the client got ${status}`);
  if (
    !refused &&
    scenario.request.spoil === 'none' &&
    upstream.length > 1 &&
    scenario.client === 'fast' &&
    scenario.upstream.end === 'whole'
  )
    found.push(`the upstream got the request ${upstream.length} times`);
}

function refusedResponse({ scenario, client, agents }: Outcome, found: string[]): void {
  const marked = scenario.upstream.body.pieces.join('').includes(SECRET) && scenario.request.method !== 'HEAD';
  const got = client.response;
  if (got === undefined || scenario.mode !== 'hold') return;
  for (const [at, plan] of scenario.agents.entries()) {
    const { head } = agents[at as 0 | 1].response;
    if (head === undefined) continue;
    if (plan.response.reading === 'chunks' && plan.response.change !== 'pass') break;
    const passed = got.whole && got.startLine.split(' ')[1] === head.start && got.body.includes(SECRET);
    if (marked && plan.response.reading !== 'none' && passed)
      found.push(`agent ${at} blocks ${SECRET} in responses, the client got it`);
  }
}

/** Returns what is wrong with an outcome, whatever the timing was. */
export function broken(outcome: Outcome): string[] {
  const { client, scenario, ends } = outcome;
  const found: string[] = [];
  if (client.hung) found.push('the client got no end');
  if (client.fault !== undefined) found.push(`the client could not read the answer: ${client.fault}`);
  if (new Set(ends.map(({ id }) => id)).size !== ends.length) found.push('a request ended twice');
  if (
    scenario.client === 'fast' &&
    client.response === undefined &&
    scenario.upstream.end === 'whole' &&
    scenario.request.spoil === 'none'
  )
    found.push('the client got no response');
  judgedRequest(outcome, found);
  refusedRequest(outcome, found);
  refusedResponse(outcome, found);
  return found;
}
