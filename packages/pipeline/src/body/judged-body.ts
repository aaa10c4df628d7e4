import { AgentwireError, type Decision, type HeaderOp, type RequestId } from '@agentwire/core';
import type { AgentCalls } from '../agent-calls.ts';
import { Refusal } from '../refusal.ts';
import { BodyFilter, type BodyFilterDeps } from './body-filter.ts';

/** Progress of a message whose body agents read. */
export interface BodyProgress {
  /** `true` once the request's head was sent to the upstream. */
  readonly requestSent?: boolean;
  /** `true` once the response's head was sent to the client, or for a request: once the upstream has answered. */
  readonly responseSent: boolean;
}

type BodyEvent = 'requestBodyChunk' | 'responseBodyChunk';

const MUTATION = { requestBodyChunk: 'requestBodyMutation', responseBodyChunk: 'responseBodyMutation' } as const;
const NO_BYTES = new Uint8Array(0);

/** Collaborators of {@link requestBodyFilter} and {@link responseBodyFilter}. */
export interface JudgedBodyDeps extends Pick<BodyFilterDeps, 'agents' | 'maxChunkBytes'> {
  readonly calls: AgentCalls;
  readonly id: RequestId;
  readonly progress: BodyProgress;
  /** Gets changes of the response's head. */
  readonly responseOps: HeaderOp[];
}

/** @param requestOps gets changes of the request's head */
export function requestBodyFilter(
  { calls, id, agents, maxChunkBytes, progress, responseOps }: JudgedBodyDeps,
  requestOps: HeaderOp[],
): BodyFilter {
  const type = 'requestBodyChunk';
  return new BodyFilter({
    agents,
    mutation: MUTATION[type],
    maxChunkBytes,
    ask: (agent, chunk, hasChanged) => calls.ask(agent, { type, id, ...chunk }, hasChanged),
    onAllow: (decision, agent) => {
      const { requestHeaders = [], responseHeaders = [] } = decision;
      if (requestHeaders.length > 0 && progress.requestSent === true)
        return calls.tooLate(agent, { type, id }, 'request');
      if (responseHeaders.length > 0 && progress.responseSent) return calls.tooLate(agent, { type, id }, 'response');
      responseOps.push(...responseHeaders);
      requestOps.push(...requestHeaders);
      return undefined;
    },
  });
}

export function responseBodyFilter({
  calls,
  id,
  agents,
  maxChunkBytes,
  progress,
  responseOps,
}: JudgedBodyDeps): BodyFilter {
  const type = 'responseBodyChunk';
  return new BodyFilter({
    agents,
    mutation: MUTATION[type],
    maxChunkBytes,
    ask: (agent, chunk, hasChanged) => calls.ask(agent, { type, id, ...chunk }, hasChanged),
    onAllow: ({ responseHeaders = [] }, agent) => {
      if (responseHeaders.length > 0 && progress.responseSent) return calls.tooLate(agent, { type, id }, 'response');
      responseOps.push(...responseHeaders);
      return undefined;
    },
  });
}

/**
 * Sends the end of an empty body to an agent that decides with the body.
 *
 * @throws Refusal; AgentwireError `ERR_PROTOCOL` for a body in its place
 */
export async function askAboutNothing(
  calls: AgentCalls,
  agent: string,
  type: BodyEvent,
  id: RequestId,
): Promise<Decision> {
  const decision = await calls.ask(agent, { type, id, index: 0, data: NO_BYTES, last: true, totalSize: 0 });
  if (decision.verdict.type !== 'allow') throw new Refusal(agent, decision);
  const { data } = decision[MUTATION[type]] ?? {};
  if (data === undefined || data === null || data.byteLength === 0) return decision;
  throw new AgentwireError(
    'ERR_PROTOCOL',
    `${agent} gave a body of ${data.byteLength} bytes to a ${type === 'requestBodyChunk' ? 'request' : 'response'} that has none`,
  );
}
