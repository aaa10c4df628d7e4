import type { Decision } from '@agentwire/core';
import { type DecisionFields, fieldsOf } from '@agentwire/core/internal';

/** Event that a decision answers. */
export type Phase = 'request_headers' | 'request_body' | 'response_headers' | 'response_body';

/** Decision as `call` prints it: every field, in the shape of the documented dialect, on every transport. */
export interface CallDecision extends Omit<DecisionFields, 'websocket_decision'> {
  readonly phase: Phase;
  readonly latencyMs: number;
}

/** Writes out the decision on one event. `call` sends no WebSocket frames, so their decision is left out. */
export function callDecision(phase: Phase, decision: Decision, latencyMs: number): CallDecision {
  const { websocket_decision: _, ...fields } = fieldsOf(decision);
  return { phase, latencyMs: Number(latencyMs.toFixed(3)), ...fields };
}
