import type { Decision, HeaderList, HeaderOp, RequestHeaders, RequestMetadata } from '@agentwire/core';
import { HeaderMap, names } from '@agentwire/headers';
import type { AgentCalls } from '../agent-calls.ts';
import { askAboutNothing } from '../body/judged-body.ts';
import { applyAgentOps } from '../header-ops.ts';
import type { ResolvedPipelineOptions } from '../pipeline-options.ts';
import { Refusal } from '../refusal.ts';

/** Head as the agents passed it. */
export interface JudgedHead {
  readonly headers: HeaderList;
  /** Agents that want the body, in the order they are asked. */
  readonly wantBody: readonly string[];
}

/** Returns metadata with the host that an earlier agent has set: the upstream gets that one. */
function metadataFor({ metadata }: RequestHeaders, headers: HeaderList): RequestMetadata {
  const serverName = new HeaderMap(headers).get(names.HOST) ?? metadata.serverName;
  return serverName === metadata.serverName ? metadata : { ...metadata, serverName };
}

async function askStep(
  calls: AgentCalls,
  step: readonly string[],
  event: RequestHeaders,
): Promise<[string, Decision][]> {
  const [only] = step;
  if (only !== undefined && step.length === 1) return [[only, await calls.ask(only, event)]];
  return Promise.all(step.map(async (agent): Promise<[string, Decision]> => [agent, await calls.ask(agent, event)]));
}

/**
 * Asks the agents about the head of a request, step by step; each step sees what the ones before it have changed.
 *
 * @param responseOps gets changes of the response's head
 * @throws Refusal at the first that does not allow it; AgentwireError `ERR_INVALID_HEADER` for a change that HTTP forbids
 */
export async function judgeRequest(
  calls: AgentCalls,
  steps: ResolvedPipelineOptions['steps'],
  received: RequestHeaders,
  responseOps: HeaderOp[],
): Promise<JudgedHead> {
  const { traceparent } = calls;
  const head = traceparent === undefined ? received : { ...received, metadata: { ...received.metadata, traceparent } };
  let headers = head.headers;
  const wantBody: string[] = [];
  for (const step of steps) {
    const event = headers === head.headers ? head : { ...head, headers, metadata: metadataFor(head, headers) };
    for (const [agent, decision] of await askStep(calls, calls.obeyed(step, event), event)) {
      responseOps.push(...(decision.responseHeaders ?? []));
      if (decision.verdict.type !== 'allow') throw new Refusal(agent, decision);
      headers = applyAgentOps(headers, decision.requestHeaders ?? []);
      if (decision.needsMore !== true) continue;
      if (head.hasBody === true) wantBody.push(agent);
      else {
        const end = await askAboutNothing(calls, agent, 'requestBodyChunk', head.id);
        responseOps.push(...(end.responseHeaders ?? []));
        headers = applyAgentOps(headers, end.requestHeaders ?? []);
      }
    }
  }
  return { headers, wantBody };
}
