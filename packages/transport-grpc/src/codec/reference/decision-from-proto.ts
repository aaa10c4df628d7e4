import {
  AgentwireError,
  type Audit,
  type BodyMutation,
  type Decision,
  type Verdict,
  type WebSocketDecision,
} from '@agentwire/core';
import { checkReceivedDecision, type BlockVerdict } from '@agentwire/core/internal';
import type {
  AgentResponse,
  AuditMetadata,
  BodyMutation as BodyMutationFields,
  WebsocketDecision,
} from '../../gen/zentinel/agent/v2/agent_pb.ts';
import { fromHeaderOps, fromHeaders } from './header-fields.ts';
import { copyMap, fromJsonMap } from './json-fields.ts';
import { fromStatus } from './number-fields.ts';
import { present, type Every } from './present.ts';

/** Placeholder for the verdict of a decision that carries an error: never read, and no allow. */
const NO_VERDICT: Verdict = Object.freeze({ type: 'block', status: 500 });

function fromVerdict({ decision, error }: AgentResponse): Verdict {
  switch (decision.case) {
    case 'allow':
      return { type: 'allow' };
    case 'block': {
      const { status, body, headers } = decision.value;
      const list = fromHeaders('block', headers);
      return present<Every<BlockVerdict>>({
        type: 'block',
        status: fromStatus('block.status', status),
        body,
        headers: list.length === 0 ? undefined : list,
      });
    }
    case 'redirect':
      return {
        type: 'redirect',
        url: decision.value.url,
        status: fromStatus('redirect.status', decision.value.status),
      };
    case 'challenge': {
      const { challengeType, params } = decision.value;
      return { type: 'challenge', challengeType, params: copyMap(params) };
    }
    default:
      if (error !== undefined) return NO_VERDICT;
      throw new AgentwireError('ERR_PROTOCOL', 'response has no decision');
  }
}

const listOf = (list: readonly string[]): readonly string[] | undefined => (list.length === 0 ? undefined : list);

function fromAudit(fields: AuditMetadata): Audit {
  const { tags, ruleIds, confidence, reasonCodes, custom } = fields;
  return present<Every<Audit>>({
    tags: listOf(tags),
    ruleIds: listOf(ruleIds),
    confidence,
    reasonCodes: listOf(reasonCodes),
    custom: Object.keys(custom).length === 0 ? undefined : fromJsonMap(custom),
  });
}

function fromMutation({ chunkIndex, data }: BodyMutationFields): BodyMutation {
  return { index: chunkIndex, data: data ?? null };
}

function fromWebSocket({ drop, closeCode, closeReason }: WebsocketDecision): WebSocketDecision {
  if (drop && closeCode !== undefined)
    throw new AgentwireError('ERR_PROTOCOL', 'websocket_decision is exactly one of drop and close');
  if (closeCode !== undefined) return { type: 'close', code: closeCode, reason: closeReason ?? '' };
  return { type: drop ? 'drop' : 'allow' };
}

/** Reads the decision of an AgentResponse. @throws AgentwireError `ERR_PROTOCOL`; one without a verdict is never an allow. */
export function fromResponse(fields: AgentResponse): Decision {
  const { audit, requestBodyMutation, responseBodyMutation, websocketDecision, cache, error, routingMetadata } = fields;
  const decision = present<Every<Decision>>({
    verdict: fromVerdict(fields),
    requestHeaders: fromHeaderOps('response.request_headers', fields.requestHeaders),
    responseHeaders: fromHeaderOps('response.response_headers', fields.responseHeaders),
    audit: audit === undefined ? undefined : fromAudit(audit),
    needsMore: fields.needsMore ? true : undefined,
    requestBodyMutation: requestBodyMutation === undefined ? undefined : fromMutation(requestBodyMutation),
    responseBodyMutation: responseBodyMutation === undefined ? undefined : fromMutation(responseBodyMutation),
    routingMetadata: Object.keys(routingMetadata).length === 0 ? undefined : copyMap(routingMetadata),
    webSocket: websocketDecision === undefined ? undefined : fromWebSocket(websocketDecision),
    cache: cache === undefined ? undefined : { ttlMs: cache.ttlMs, vary: [...cache.vary] },
    error: error === undefined ? undefined : { code: error.code, message: error.message },
  });
  return checkReceivedDecision(decision);
}
