import type { WebSocketFrame } from '@agentwire/core';
import type { AgentCalls } from './agent-calls.ts';
import type { AgentDirectory, ResolvedPipelineOptions } from './pipeline-options.ts';
import { Refusal } from './refusal.ts';
import { frameVerdict } from './shadow.ts';

type Steps = ResolvedPipelineOptions['steps'];

function takesFrames(pool: AgentDirectory, agent: string): boolean {
  return pool.handles(agent, 'webSocketFrame') !== false;
}

/** Returns whether an agent of the steps takes the frames of WebSockets. */
export function someTakesFrames(pool: AgentDirectory, steps: Steps): boolean {
  return steps.some((step) => step.some((agent) => takesFrames(pool, agent)));
}

/**
 * Asks every agent that takes frames, until one does not allow it. Agents that observe are shown it and not waited for. A budget is for
 * one frame: a WebSocket may last for days.
 *
 * @returns whether the frame passes; `false` where an agent drops it
 * @throws Refusal where an agent closes the WebSocket, or its failure policy blocks; AgentwireError `ERR_ABORTED` once the request was cancelled
 */
export async function judgeFrame(calls: AgentCalls, steps: Steps, frame: WebSocketFrame): Promise<boolean> {
  calls.beginWait();
  try {
    for (const agent of steps.flat()) {
      calls.checkLive();
      if (!takesFrames(calls.pool, agent)) continue;
      if (calls.observes(agent)) {
        calls.shadows?.frame(agent, frame);
        continue;
      }
      const decision = await calls.pool.decide(agent, frame, calls.optionsOfOne(agent));
      if (decision.audit !== undefined) calls.noteAudit(agent, decision);
      const verdict = frameVerdict(decision);
      if (verdict !== 'allow') calls.decided = verdict;
      if (verdict === 'drop') return false;
      if (verdict !== 'allow') throw new Refusal(agent, decision);
    }
    return true;
  } finally {
    calls.endWait();
  }
}
