import type { Audit, BodyMutation, Decision, HeaderOp, Verdict, WebSocketDecision } from '@agentwire/core';
import { bytes, type Fields, fields, headerValue } from './fields.ts';
import type { Json } from './vector.ts';

/** The one member of an object that names its kind. */
function onlyMember(value: Json | undefined): readonly [kind: string, value: Json] {
  return Object.entries(value as Fields)[0] ?? ['', null];
}

function verdictOf(decision: Json | undefined): Verdict {
  if (typeof decision === 'string') return { type: decision as 'allow' };
  const [kind, value] = onlyMember(decision);
  const { headers, ...rest } = fields(value) as { headers?: Record<string, string> };
  const list = Object.entries(headers ?? {}).flat();
  return { type: kind, ...rest, ...(list.length > 0 && { headers: list }) } as Verdict;
}

function opsOf(list: Json | undefined): HeaderOp[] | undefined {
  const ops = (list as readonly Json[]).map((one) => {
    const [op, value] = onlyMember(one);
    const { name, value: text } = fields(value) as { readonly name: string; readonly value?: string };
    return (text === undefined ? { op, name } : { op, name, value: headerValue(text) }) as HeaderOp;
  });
  return ops.length > 0 ? ops : undefined;
}

function mutationOf(value: Json | undefined): BodyMutation | undefined {
  if (value === null || value === undefined) return undefined;
  const { chunk_index: index, data } = value as Fields;
  return { index: Number(index), data: data === null ? null : bytes(data) };
}

function webSocketOf(value: Json | undefined): WebSocketDecision | undefined {
  if (value === null || value === undefined) return undefined;
  if (typeof value === 'string') return { type: value as 'allow' };
  const [type, close] = onlyMember(value);
  return { type, ...fields(close) } as WebSocketDecision;
}

/** An empty list or object says nothing, as absence does. */
const says = (value: unknown): boolean => typeof value === 'number' || Object.keys(value as object).length > 0;

function auditOf(value: Json | undefined): Audit | undefined {
  const { custom, ...audit } = fields(value) as Audit;
  const { correlation_id: _id, ...rest } = custom ?? {};
  const given = Object.entries({ ...audit, custom: rest }).filter(([, one]) => says(one));
  return given.length > 0 ? Object.fromEntries(given) : undefined;
}

/** The decision in an answer of the crate. */
export function decisionOf(value: Fields): Decision {
  const routing = value['routing_metadata'] as Readonly<Record<string, string>>;
  return {
    verdict: verdictOf(value['decision']),
    requestHeaders: opsOf(value['request_headers']),
    responseHeaders: opsOf(value['response_headers']),
    audit: auditOf(value['audit']),
    needsMore: value['needs_more'] === true ? true : undefined,
    requestBodyMutation: mutationOf(value['request_body_mutation']),
    responseBodyMutation: mutationOf(value['response_body_mutation']),
    routingMetadata: says(routing) ? routing : undefined,
    webSocket: webSocketOf(value['websocket_decision']),
  };
}
