import type { HeaderOpFields } from '@agentwire/core/internal';
import type { Effect } from './outcome.ts';

/** A decision in the shape of JSON on the wire; what is not there says nothing. */
export interface WireDecision {
  readonly decision: unknown;
  readonly needs_more?: boolean;
  readonly request_headers?: readonly HeaderOpFields[];
  readonly response_headers?: readonly HeaderOpFields[];
  readonly audit?: {
    readonly tags?: readonly string[];
    readonly rule_ids?: readonly string[];
    readonly confidence?: number | null;
    readonly reason_codes?: readonly string[];
    readonly custom?: Readonly<Record<string, unknown>>;
  };
  /** `data` in base64. */
  readonly request_body_mutation?: { readonly data?: string | null } | null;
  readonly response_body_mutation?: { readonly data?: string | null } | null;
  readonly routing_metadata?: Readonly<Record<string, string>>;
  readonly websocket_decision?: unknown;
}

const filled = <T>(list: readonly T[] | undefined): list is readonly T[] => list !== undefined && list.length > 0;

function showOp(operation: HeaderOpFields): string {
  if ('remove' in operation) return `remove ${operation.remove.name}`;
  const [kind, { name, value }] =
    'set' in operation ? (['set', operation.set] as const) : (['add', operation.add] as const);
  return `${kind} ${name}: ${value}`;
}

/** Leaves out what says nothing in a verdict: null and empty members. */
function trimVerdict(decision: unknown): unknown {
  if (typeof decision !== 'object' || decision === null) return decision;
  return Object.fromEntries(
    Object.entries(decision as Record<string, Record<string, unknown>>).map(([kind, value]) => {
      const members = Object.entries(value).filter(([, one]) => one !== null && JSON.stringify(one) !== '{}');
      return [kind, Object.fromEntries(members.toSorted(([a], [b]) => (a < b ? -1 : 1)))];
    }),
  );
}

function showMutation(decision: WireDecision, sent: string | undefined): string | undefined {
  const data = (decision.request_body_mutation ?? decision.response_body_mutation)?.data;
  if (data === undefined || data === null) return undefined;
  if (data === '') return 'drop';
  const text = Buffer.from(data, 'base64').toString('latin1');
  return text === sent ? undefined : text;
}

function showWebSocket(decision: unknown): string | undefined {
  if (decision === null || decision === undefined || decision === 'allow') return undefined;
  if (decision === 'drop') return 'drop';
  const { close } = decision as { close?: { code: number; reason: string } };
  return close === undefined ? JSON.stringify(decision) : `close ${close.code} ${close.reason}`;
}

function showGuardrail(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const { detected, confidence, detections } = JSON.parse(text) as {
    detected: boolean;
    confidence: number;
    detections: { category: string; severity: string }[];
  };
  if (!detected) return 'clean';
  return `${detections.map(({ category, severity }) => `${category} ${severity}`).join(', ')} ${confidence.toFixed(3)}`;
}

/** @param sent what the chunk held that this decides about, one character a byte */
export function effectOf(decision: WireDecision, sent?: string): Effect {
  const { audit, request_headers: request, response_headers: response } = decision;
  // the id of the request stands among the agent's own values in the answers of the crate
  const { correlation_id: _id, ...custom } = audit?.custom ?? {};
  const { confidence } = audit ?? {};
  const body = showMutation(decision, sent);
  const webSocket = showWebSocket(decision.websocket_decision);
  const guardrail = showGuardrail(decision.routing_metadata?.['guardrail_response']);
  return {
    verdict: trimVerdict(decision.decision),
    ...(decision.needs_more === true && { more: true as const }),
    ...(filled(request) && { requestHeaders: request.map(showOp) }),
    ...(filled(response) && { responseHeaders: response.map(showOp) }),
    ...(filled(audit?.tags) && { tags: audit.tags }),
    ...(filled(audit?.rule_ids) && { rules: audit.rule_ids }),
    ...(typeof confidence === 'number' && { confidence: Number(confidence.toFixed(5)) }),
    ...(filled(audit?.reason_codes) && { reasons: audit.reason_codes }),
    ...(Object.keys(custom).length > 0 && { custom }),
    ...(body !== undefined && { body }),
    ...(webSocket !== undefined && { webSocket }),
    ...(guardrail !== undefined && { guardrail }),
  };
}
