import type { BodyMutation, Decision, HeaderOp, Verdict, WebSocketDecision } from './decision.ts';

/** Decision with the field names and value shapes of the documented dialect; every field is present but `cache`. */
export interface DecisionFields {
  readonly decision: unknown;
  readonly request_headers: readonly HeaderOpFields[];
  readonly response_headers: readonly HeaderOpFields[];
  readonly audit: {
    readonly tags: readonly string[];
    readonly rule_ids: readonly string[];
    readonly confidence: number | null;
    readonly reason_codes: readonly string[];
    readonly custom: Readonly<Record<string, unknown>>;
  };
  readonly needs_more: boolean;
  /** `data` in base64. */
  readonly request_body_mutation: BodyMutationFields | null;
  readonly response_body_mutation: BodyMutationFields | null;
  readonly routing_metadata: Readonly<Record<string, string>>;
  readonly websocket_decision: unknown;
  /** Absent where the decision is not to be cached. */
  readonly cache?: { readonly ttl_ms: number; readonly vary: readonly string[] };
}

/** Header operation as the documented dialect writes it. */
export type HeaderOpFields =
  | { readonly set: { readonly name: string; readonly value: string } }
  | { readonly add: { readonly name: string; readonly value: string } }
  | { readonly remove: { readonly name: string } };

interface BodyMutationFields {
  readonly chunk_index: number;
  readonly data: string | null;
}

function verdictFields(verdict: Verdict): unknown {
  switch (verdict.type) {
    case 'allow':
      return 'allow';
    case 'redirect':
      return { redirect: { url: verdict.url, status: verdict.status } };
    case 'challenge':
      return { challenge: { challenge_type: verdict.challengeType, params: verdict.params } };
    case 'block': {
      const { status, body, headers = [] } = verdict;
      const pairs = headers.flatMap((name, at) => (at % 2 === 0 ? [[name, headers[at + 1] ?? ''] as const] : []));
      return {
        block: {
          status,
          ...(body !== undefined && { body }),
          ...(pairs.length > 0 && { headers: Object.fromEntries(pairs) }),
        },
      };
    }
  }
}

function opFields(operation: HeaderOp): HeaderOpFields {
  const { name } = operation;
  if (operation.op === 'remove') return { remove: { name } };
  const { value } = operation;
  return operation.op === 'set' ? { set: { name, value } } : { add: { name, value } };
}

function mutationFields(mutation: BodyMutation | undefined): BodyMutationFields | null {
  if (mutation === undefined) return null;
  const { data, index } = mutation;
  return { chunk_index: index, data: data === null ? null : Buffer.from(data).toString('base64') };
}

function webSocketFields(decision: WebSocketDecision | undefined): unknown {
  if (decision?.type !== 'close') return decision?.type ?? null;
  return { close: { code: decision.code, reason: decision.reason } };
}

/** Writes a decision out for people and comparisons, as the documented dialect has it: absent lists are `[]`, absent values `null`. */
export function fieldsOf(decision: Decision): DecisionFields {
  const { audit } = decision;
  return {
    decision: verdictFields(decision.verdict),
    request_headers: (decision.requestHeaders ?? []).map(opFields),
    response_headers: (decision.responseHeaders ?? []).map(opFields),
    audit: {
      tags: audit?.tags ?? [],
      rule_ids: audit?.ruleIds ?? [],
      confidence: audit?.confidence ?? null,
      reason_codes: audit?.reasonCodes ?? [],
      custom: audit?.custom ?? {},
    },
    needs_more: decision.needsMore ?? false,
    request_body_mutation: mutationFields(decision.requestBodyMutation),
    response_body_mutation: mutationFields(decision.responseBodyMutation),
    routing_metadata: decision.routingMetadata ?? {},
    websocket_decision: webSocketFields(decision.webSocket),
    ...(decision.cache !== undefined && { cache: { ttl_ms: decision.cache.ttlMs, vary: decision.cache.vary } }),
  };
}
