import { gateDecision, type GateBackend, type GateContext, type GateDecision } from './gate.ts';

/**
 * Makes one gate of several, asked in order: the first denial ends it, otherwise one deferral defers the whole.
 *
 * It stays synchronous as long as the gates are.
 */
export function composeGates(...gates: readonly GateBackend[]): GateBackend {
  const ask = (
    at: number,
    soFar: GateDecision,
    agentId: string,
    action: string,
    context: GateContext,
  ): GateDecision | Promise<GateDecision> => {
    let decision = soFar;
    for (let next = at; next < gates.length; next += 1) {
      const answer = gates[next]?.check(agentId, action, context) ?? gateDecision.permit;
      if (answer instanceof Promise) {
        return answer.then((late) =>
          late.kind === 'deny' ? late : ask(next + 1, stricter(decision, late), agentId, action, context),
        );
      }
      if (answer.kind === 'deny') return answer;
      decision = stricter(decision, answer);
    }
    return decision;
  };
  return { check: (agentId, action, context) => ask(0, gateDecision.permit, agentId, action, context) };
}

function stricter(one: GateDecision, other: GateDecision): GateDecision {
  return one.kind === 'defer' ? one : other;
}
