import { checkMethods } from '@agentwire/core/internal';
import { gateDecision, type GateBackend, type GateContext, type GateDecision } from './gate.ts';
import { isLater, judgeAnswer } from './judge-answer.ts';

/**
 * Makes one gate of several, asked in order: the first denial ends it, otherwise one deferral defers the whole.
 *
 * It stays synchronous as long as the gates are. An answer that cannot be read is a denial, as it is for a gate alone.
 *
 * @throws AgentwireError `ERR_INVALID_ARGUMENT` for what has no `check`
 */
export function composeGates(...gates: readonly GateBackend[]): GateBackend {
  for (const gate of gates) checkMethods('gate', gate, ['check']);
  const ask = (
    at: number,
    soFar: GateDecision,
    agentId: string,
    action: string,
    context: GateContext,
  ): GateDecision | Promise<GateDecision> => {
    let decision = soFar;
    for (const [place, gate] of gates.entries()) {
      if (place < at) continue;
      const answer: unknown = gate.check(agentId, action, context);
      if (isLater(answer)) {
        return Promise.resolve(answer).then((late) => {
          const judged = judgeAnswer(late);
          return judged.kind === 'deny' ? judged : ask(place + 1, stricter(decision, judged), agentId, action, context);
        });
      }
      const judged = judgeAnswer(answer);
      if (judged.kind === 'deny') return judged;
      decision = stricter(decision, judged);
    }
    return decision;
  };
  return { check: (agentId, action, context) => ask(0, gateDecision.permit, agentId, action, context) };
}

function stricter(one: GateDecision, other: GateDecision): GateDecision {
  return one.kind === 'defer' ? one : other;
}
