import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  AgentwireError,
  type Audit,
  type BodyMutation,
  type Decision,
  type Verdict,
  type WebSocketDecision,
} from '@agentwire/core';
import { checkOneValueAName } from '@agentwire/core/internal';
import type {
  AgentResponseSchema,
  AuditMetadataSchema,
  BodyMutationSchema,
  WebsocketDecisionSchema,
} from '../../gen/zentinel/agent/v2/agent_pb.ts';
import { toHeaderOps, toHeaders } from './header-fields.ts';
import { copyMap, toJsonMap } from './json-fields.ts';
import { toUint32 } from './number-fields.ts';
import { nothingLeft, present } from './present.ts';

type ResponseInit = MessageInitShape<typeof AgentResponseSchema>;
type VerdictInit = NonNullable<ResponseInit['decision']>;

function toVerdict(verdict: Verdict): VerdictInit {
  switch (verdict.type) {
    case 'allow':
      return { case: 'allow', value: {} };
    case 'block': {
      const { status, body, headers, ...rest } = verdict;
      nothingLeft(rest);
      checkOneValueAName(headers);
      return {
        case: 'block',
        value: present({ status: toUint32('status', status), body, headers: toHeaders(headers ?? []) }),
      };
    }
    case 'redirect': {
      const { url, status, ...rest } = verdict;
      nothingLeft(rest);
      return { case: 'redirect', value: { url, status: toUint32('status', status) } };
    }
    default: {
      const { challengeType, params, ...rest } = verdict;
      nothingLeft(rest);
      return { case: 'challenge', value: { challengeType, params: copyMap(params) } };
    }
  }
}

function toAudit(audit: Audit): MessageInitShape<typeof AuditMetadataSchema> {
  const { tags = [], ruleIds = [], confidence, reasonCodes = [], custom, ...rest } = audit;
  nothingLeft(rest);
  return present({
    tags: [...tags],
    ruleIds: [...ruleIds],
    confidence,
    reasonCodes: [...reasonCodes],
    custom: toJsonMap(custom),
  });
}

function toMutation({ index, data, ...rest }: BodyMutation): MessageInitShape<typeof BodyMutationSchema> {
  nothingLeft(rest);
  return present({
    chunkIndex: toUint32('index', index),
    data: (data ?? undefined) as Uint8Array<ArrayBuffer> | undefined,
  });
}

function toWebSocket(decision: WebSocketDecision): MessageInitShape<typeof WebsocketDecisionSchema> {
  if (decision.type === 'close') return { closeCode: toUint32('code', decision.code), closeReason: decision.reason };
  return { drop: decision.type === 'drop' };
}

/** Finds the parts of a decision that change the outcome and that a third-party peer would not receive. */
function uncarried({
  requestBodyMutation,
  responseBodyMutation,
  webSocket,
  routingMetadata,
}: Decision): string | undefined {
  // a mutation without data and an allowed frame add nothing to the allow beside them
  if ((requestBodyMutation?.data ?? null) !== null) return 'requestBodyMutation';
  if ((responseBodyMutation?.data ?? null) !== null) return 'responseBodyMutation';
  if (webSocket !== undefined && webSocket.type !== 'allow') return `webSocket ${webSocket.type}`;
  return routingMetadata?.['guardrail_response'] === undefined ? undefined : "a guardrail's result";
}

/** Decision with an error for a peer that did not negotiate `errors`: a block whose audit names the error. */
function asBlock(decision: Decision, code: string): Decision {
  return {
    verdict: { type: 'block', status: code === 'ERR_OVERLOADED' ? 503 : 500 },
    audit: { ...decision.audit, reasonCodes: [...(decision.audit?.reasonCodes ?? []), `agentwire:${code}`] },
  };
}

/**
 * An answer as protobuf-es takes it.
 *
 * @param isAgentwire `true` for a peer that knows the numbers from 100 up
 * @param errors `true` for a peer that negotiated `errors`
 * @throws AgentwireError `ERR_UNSUPPORTED` for a decision that would arrive as something else
 */
export function toResponse(id: string, given: Decision, isAgentwire: boolean, errors: boolean): ResponseInit {
  const decision = given.error !== undefined && !errors ? asBlock(given, given.error.code) : given;
  const {
    verdict,
    requestHeaders,
    responseHeaders,
    audit,
    needsMore,
    requestBodyMutation,
    responseBodyMutation,
    routingMetadata,
    webSocket,
    cache,
    error,
    ...rest
  } = decision;
  nothingLeft(rest);
  const lost = isAgentwire || verdict.type !== 'allow' ? undefined : uncarried(decision);
  if (lost !== undefined) {
    throw new AgentwireError(
      'ERR_UNSUPPORTED',
      `a peer that is not agentwire cannot be told ${lost} over gRPC; block instead, or connect over a socket`,
    );
  }
  const common = {
    correlationId: id,
    decision: error === undefined ? toVerdict(verdict) : undefined,
    requestHeaders: toHeaderOps(requestHeaders),
    responseHeaders: toHeaderOps(responseHeaders),
    audit: audit === undefined ? undefined : toAudit(audit),
    needsMore: needsMore ?? false,
  };
  if (!isAgentwire) return present(common);
  return present({
    ...common,
    requestBodyMutation: requestBodyMutation === undefined ? undefined : toMutation(requestBodyMutation),
    responseBodyMutation: responseBodyMutation === undefined ? undefined : toMutation(responseBodyMutation),
    routingMetadata: copyMap(routingMetadata ?? {}),
    websocketDecision: webSocket === undefined ? undefined : toWebSocket(webSocket),
    cache: cache === undefined ? undefined : { ttlMs: cache.ttlMs, vary: [...cache.vary] },
    error: error === undefined ? undefined : { code: error.code, message: error.message },
  });
}
