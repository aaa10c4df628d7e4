import type { BodyMutation, Decision, HeaderOp, Verdict, WebSocketDecision } from '@agentwire/core';
import type { WireDecision, WireOp } from './wire-decision.ts';

function verdictAsWire(verdict: Verdict): unknown {
  switch (verdict.type) {
    case 'allow':
      return 'allow';
    case 'redirect':
      return { redirect: { status: verdict.status, url: verdict.url } };
    case 'challenge':
      return { challenge: { challenge_type: verdict.challengeType, params: verdict.params } };
    case 'block': {
      const { body, headers = [], status } = verdict;
      const pairs = headers.flatMap((name, at) => (at % 2 === 0 ? [[name, headers[at + 1] ?? ''] as const] : []));
      return { block: { body: body ?? null, headers: Object.fromEntries(pairs), status } };
    }
  }
}

function opAsWire(operation: HeaderOp): WireOp {
  const { name } = operation;
  if (operation.op === 'remove') return { remove: { name } };
  const { value } = operation;
  return operation.op === 'set' ? { set: { name, value } } : { add: { name, value } };
}

function mutationAsWire(mutation: BodyMutation | undefined): { data: string | null } | null {
  if (mutation === undefined) return null;
  return { data: mutation.data === null ? null : Buffer.from(mutation.data).toString('base64') };
}

function webSocketAsWire(decision: WebSocketDecision | undefined): unknown {
  if (decision?.type !== 'close') return decision?.type ?? null;
  return { close: { code: decision.code, reason: decision.reason } };
}

/** A decision of ours in the shape that JSON gives it. */
export function wireOf(decision: Decision): WireDecision {
  const { audit } = decision;
  return {
    decision: verdictAsWire(decision.verdict),
    needs_more: decision.needsMore ?? false,
    request_headers: (decision.requestHeaders ?? []).map(opAsWire),
    response_headers: (decision.responseHeaders ?? []).map(opAsWire),
    audit: {
      tags: audit?.tags ?? [],
      rule_ids: audit?.ruleIds ?? [],
      confidence: audit?.confidence ?? null,
      reason_codes: audit?.reasonCodes ?? [],
      custom: audit?.custom ?? {},
    },
    request_body_mutation: mutationAsWire(decision.requestBodyMutation),
    response_body_mutation: mutationAsWire(decision.responseBodyMutation),
    routing_metadata: decision.routingMetadata ?? {},
    websocket_decision: webSocketAsWire(decision.webSocket),
  };
}
