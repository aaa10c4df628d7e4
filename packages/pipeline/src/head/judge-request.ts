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

const NONE: readonly string[] = [];

/** Returns metadata with the host that an earlier agent has set: the upstream gets that one. */
function metadataFor({ metadata }: RequestHeaders, headers: HeaderList): RequestMetadata {
  const serverName = new HeaderMap(headers).get(names.HOST) ?? metadata.serverName;
  return serverName === metadata.serverName ? metadata : { ...metadata, serverName };
}

/** Asks the agents of a step together. @returns the decision where there is one agent, which needs no list */
function askStep(calls: AgentCalls, step: readonly string[], event: RequestHeaders): Promise<Decision | Decision[]> {
  const [only] = step;
  if (only !== undefined && step.length === 1) return calls.ask(only, event);
  return Promise.all(step.map((agent) => calls.ask(agent, event)));
}

/** Returns the headers after a decision, whose changes of the response go to `responseOps`. @throws Refusal, AgentwireError `ERR_INVALID_HEADER` */
function obey(agent: string, decision: Decision, headers: HeaderList, responseOps: HeaderOp[]): HeaderList {
  const { verdict, requestHeaders, responseHeaders } = decision;
  if (responseHeaders !== undefined) responseOps.push(...responseHeaders);
  if (verdict.type !== 'allow') throw new Refusal(agent, decision);
  return requestHeaders === undefined ? headers : applyAgentOps(headers, requestHeaders);
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
  const isNamed = traceparent === undefined || traceparent === received.metadata?.traceparent;
  const head = isNamed ? received : { ...received, metadata: { ...received.metadata, traceparent } };
  let { headers } = head;
  let wantBody: string[] | undefined;
  for (const step of steps) {
    const event = headers === head.headers ? head : { ...head, headers, metadata: metadataFor(head, headers) };
    const agents = calls.obeyed(step, event);
    const answer = await askStep(calls, agents, event);
    for (let at = 0; at < agents.length; at++) {
      const agent = agents[at] as string;
      const decision = Array.isArray(answer) ? (answer[at] as Decision) : answer;
      headers = obey(agent, decision, headers, responseOps);
      if (decision.needsMore !== true) continue;
      if (head.hasBody === true) (wantBody ??= []).push(agent);
      else {
        const end = await askAboutNothing(calls, agent, 'requestBodyChunk', head.id);
        headers = obey(agent, end, headers, responseOps);
      }
    }
  }
  return { headers, wantBody: wantBody ?? NONE };
}
