import type { BodyMutation, Decision, HeaderOp, Verdict } from '@agentwire/core';

/** Which event a decision answers. */
export type Phase = 'request_headers' | 'request_body' | 'response_headers' | 'response_body';

/** A decision in the shape of the documented dialect, every field there, whatever the transport. */
export interface WireDecision {
  readonly phase: Phase;
  readonly latencyMs: number;
  readonly decision: unknown;
  readonly request_headers: readonly unknown[];
  readonly response_headers: readonly unknown[];
  readonly audit: {
    readonly tags: readonly string[];
    readonly rule_ids: readonly string[];
    readonly confidence: number | null;
    readonly reason_codes: readonly string[];
    readonly custom: Readonly<Record<string, unknown>>;
  };
  readonly needs_more: boolean;
  readonly request_body_mutation: unknown;
  readonly response_body_mutation: unknown;
  readonly routing_metadata: Readonly<Record<string, string>>;
}

function verdictAsWire(verdict: Verdict): unknown {
  switch (verdict.type) {
    case 'allow':
      return 'allow';
    case 'redirect':
      return { redirect: { url: verdict.url, status: verdict.status } };
    case 'challenge':
      return { challenge: { challenge_type: verdict.challengeType, params: verdict.params } };
    case 'block': {
      const { status, body, headers } = verdict;
      const pairs = (headers ?? []).flatMap((name, at, list) => (at % 2 === 0 ? [[name, list[at + 1] ?? '']] : []));
      return {
        block: {
          status,
          ...(body !== undefined && { body }),
          ...(pairs.length > 0 && { headers: Object.fromEntries(pairs) as unknown }),
        },
      };
    }
  }
}

function opAsWire(operation: HeaderOp): unknown {
  if (operation.op === 'remove') return { remove: { name: operation.name } };
  return { [operation.op]: { name: operation.name, value: operation.value } };
}

function mutationAsWire(mutation: BodyMutation | undefined): unknown {
  if (mutation === undefined) return null;
  const { data, index } = mutation;
  return { chunk_index: index, data: data === null ? null : Buffer.from(data).toString('base64') };
}

/** Writes a decision as the documented dialect has it: absent lists are `[]`, absent values `null`. */
export function decisionAsWire(phase: Phase, decision: Decision, latencyMs: number): WireDecision {
  const { audit } = decision;
  return {
    phase,
    latencyMs: Number(latencyMs.toFixed(3)),
    decision: verdictAsWire(decision.verdict),
    request_headers: (decision.requestHeaders ?? []).map(opAsWire),
    response_headers: (decision.responseHeaders ?? []).map(opAsWire),
    audit: {
      tags: audit?.tags ?? [],
      rule_ids: audit?.ruleIds ?? [],
      confidence: audit?.confidence ?? null,
      reason_codes: audit?.reasonCodes ?? [],
      custom: audit?.custom ?? {},
    },
    needs_more: decision.needsMore ?? false,
    request_body_mutation: mutationAsWire(decision.requestBodyMutation),
    response_body_mutation: mutationAsWire(decision.responseBodyMutation),
    routing_metadata: decision.routingMetadata ?? {},
  };
}
