import {
  type Agent,
  type AgentDecision,
  allow,
  block,
  challenge,
  defineAgent,
  drop,
  type HandlerContext,
  type IncomingChunk,
  type IncomingMessage,
  pass,
  redirect,
  replace,
} from '@agentwire/agent';
import type { Decision, HeaderOp } from '@agentwire/core';
import type { Journal } from './journal.ts';
import { type AgentSide, ATTACK, SECRET } from './scenario.ts';

interface State {
  request: string;
  response: string;
}

/** The error of an agent whose plan is to throw. */
class PlannedError extends Error {}

function withOps(decision: AgentDecision, direction: 'request' | 'response', ops: readonly HeaderOp[]): AgentDecision {
  let changed = decision;
  for (const op of ops) {
    if (direction === 'request') {
      if (op.op === 'set') changed = changed.setRequestHeader(op.name, op.value);
      else if (op.op === 'add') changed = changed.addRequestHeader(op.name, op.value);
      else changed = changed.removeRequestHeader(op.name);
    } else if (op.op === 'set') changed = changed.setResponseHeader(op.name, op.value);
    else if (op.op === 'add') changed = changed.addResponseHeader(op.name, op.value);
    else changed = changed.removeResponseHeader(op.name);
  }
  return changed;
}

function decide(plan: AgentSide, direction: 'request' | 'response'): AgentDecision {
  switch (plan.verdict) {
    case 'block':
      return block(418, 'by plan');
    case 'redirect':
      return redirect('https://example.test/elsewhere', 302);
    case 'challenge':
      return challenge('captcha', { key: 'k' });
    case 'throw':
      throw new PlannedError('by plan');
    default:
      return withOps(allow(), direction, plan.ops);
  }
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

async function read(message: IncomingMessage, reading: 'whole' | 'iterate'): Promise<string> {
  if (reading === 'whole') return text(await message.bytes());
  let all = '';
  for await (const piece of message.body) all += text(piece);
  return all;
}

/** An agent that does with each request what its scenario says, and writes down what it was shown. */
export function plannedAgent(which: 0 | 1, journal: Journal): Agent<State> {
  async function onHead(
    message: IncomingMessage,
    caseId: string | undefined,
    direction: 'request' | 'response',
    context: HandlerContext<State>,
  ): Promise<Decision> {
    const plan = journal.scenario(caseId)?.agents[which][direction];
    if (plan === undefined) return block(400, 'no such case');
    const state = (context.state ??= { request: '', response: '' });
    if (plan.reading === 'none' || plan.reading === 'chunks') {
      const decision = decide(plan, direction);
      return decision.verdict.type === 'allow' ? decision.needsMoreBody(plan.reading === 'chunks') : decision;
    }
    state[direction] = await read(message, plan.reading);
    journal.agentRead(caseId, which, direction, state[direction], true);
    if (state[direction].includes(direction === 'request' ? ATTACK : SECRET)) return block(403, 'found');
    return decide(plan, direction).needsMoreBody(false);
  }

  function onChunk(chunk: IncomingChunk, direction: 'request' | 'response', context: HandlerContext<State>): Decision {
    const caseId = context.request?.headers.get('x-case');
    const plan = journal.scenario(caseId)?.agents[which][direction];
    if (plan === undefined) return block(400, 'no such case');
    const state = (context.state ??= { request: '', response: '' });
    state[direction] += text(chunk.data);
    journal.agentRead(caseId, which, direction, state[direction], chunk.last);
    if (state[direction].includes(direction === 'request' ? ATTACK : SECRET)) return block(403, 'found');
    if (plan.change === 'drop') return drop();
    return plan.change === 'upper' ? replace(Buffer.from(text(chunk.data).replaceAll('a', 'A'), 'latin1')) : pass();
  }

  return defineAgent<State>({
    name: `planned-${which}`,
    version: '1',
    requestBody: true,
    responseBody: true,
    onRequestHeaders(request, context) {
      const caseId = request.headers.get('x-case');
      journal.agentSawRequest(caseId, which, request);
      return onHead(request, caseId, 'request', context);
    },
    onRequestBodyChunk: (chunk, context) => onChunk(chunk, 'request', context),
    onResponseHeaders(response, context) {
      const caseId = context.request?.headers.get('x-case');
      journal.agentSawResponse(caseId, which, response);
      return onHead(response, caseId, 'response', context);
    },
    onResponseBodyChunk: (chunk, context) => onChunk(chunk, 'response', context),
    // one agent is told that requests are over, the other one is not
    ...(which === 0 && { onRequestComplete: () => undefined }),
  });
}
