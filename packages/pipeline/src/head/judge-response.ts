import type { HeaderOp, ResponseHeaders } from '@agentwire/core';
import type { AgentCalls } from '../agent-calls.ts';
import { askAboutNothing } from '../body/judged-body.ts';
import { applyAgentOps } from '../header-ops.ts';
import type { AgentDirectory, ResolvedPipelineOptions } from '../pipeline-options.ts';
import { Refusal } from '../refusal.ts';
import type { JudgedHead } from './judge-request.ts';

type Steps = ResolvedPipelineOptions['steps'];

/** Returns whether an agent takes responses: an agent that takes bodies only needs the head to ask for them. */
function takesResponses(pool: AgentDirectory, agent: string): boolean {
  return pool.handles(agent, 'responseHeaders') !== false || pool.handles(agent, 'responseBodyChunk') !== false;
}

/** Returns whether an agent of the steps takes responses. */
export function someTakesResponses(pool: AgentDirectory, steps: Steps): boolean {
  for (const step of steps) for (const agent of step) if (takesResponses(pool, agent)) return true;
  return false;
}

/**
 * Asks the agents that take responses about the head of one, one after the other.
 *
 * @param ops changes that the agents decided with the request
 * @throws Refusal at the first that does not allow it; AgentwireError `ERR_INVALID_HEADER` for a change that HTTP forbids
 */
export async function judgeResponse(
  calls: AgentCalls,
  steps: Steps,
  head: ResponseHeaders,
  ops: readonly HeaderOp[],
): Promise<JudgedHead> {
  let headers = applyAgentOps(head.headers, ops);
  const wantBody: string[] = [];
  for (const agent of steps.flat()) {
    if (!takesResponses(calls.pool, agent)) continue;
    if (calls.observes(agent)) {
      calls.shadows?.head(agent, { ...head, headers });
      continue;
    }
    const decision = await calls.ask(agent, { ...head, headers });
    if (decision.verdict.type !== 'allow') throw new Refusal(agent, decision);
    headers = applyAgentOps(headers, decision.responseHeaders ?? []);
    if (decision.needsMore !== true) continue;
    if (head.hasBody === true) wantBody.push(agent);
    else {
      const end = await askAboutNothing(calls, agent, 'responseBodyChunk', head.id);
      headers = applyAgentOps(headers, end.responseHeaders ?? []);
    }
  }
  return { headers, wantBody };
}
