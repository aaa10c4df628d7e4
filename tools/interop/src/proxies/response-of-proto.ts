import type { Decision, HeaderOp, Verdict } from '@agentwire/core';
import type { ProtoJson } from './event-as-proto.ts';

interface Pair {
  readonly name: string;
  readonly value?: string;
}

type Op = { readonly set?: Pair; readonly add?: Pair; readonly remove?: string };

const list = <T>(value: unknown): T[] => (value ?? []) as T[];

function verdictOf(response: ProtoJson): Verdict {
  const { block, redirect, challenge } = response as Record<string, ProtoJson | undefined>;
  if (block !== undefined) {
    const headers = list<Pair>(block['headers']).flatMap(({ name, value = '' }) => [name, value]);
    return { type: 'block', status: Number(block['status']), body: block['body'] as string | undefined, headers };
  }
  if (redirect !== undefined)
    return { type: 'redirect', url: String(redirect['url']), status: Number(redirect['status']) };
  if (challenge !== undefined) {
    const params = challenge['params'] as Record<string, string>;
    return { type: 'challenge', challengeType: String(challenge['challengeType']), params };
  }
  return { type: 'allow' };
}

function opOf({ set, add, remove }: Op): HeaderOp {
  if (set !== undefined) return { op: 'set', name: set.name, value: set.value ?? '' };
  if (add !== undefined) return { op: 'add', name: add.name, value: add.value ?? '' };
  return { op: 'remove', name: remove ?? '' };
}

function mutationOf(value: unknown): { index: number; data: Uint8Array | null } | undefined {
  if (value === undefined) return undefined;
  const { chunkIndex = 0, data } = value as { chunkIndex?: number; data?: string };
  return { index: chunkIndex, data: data === undefined ? null : Buffer.from(data, 'base64') };
}

/** Reads an AgentResponse that a third-party library has decoded. */
export function decisionOfProto(response: ProtoJson): Decision {
  const { audit, websocketDecision, error } = response as {
    audit?: { tags?: string[]; ruleIds?: string[]; confidence?: number; reasonCodes?: string[]; custom?: object };
    websocketDecision?: { drop?: boolean; closeCode?: number; closeReason?: string };
    error?: { code: string; message: string };
  };
  if (error !== undefined) throw Object.assign(new Error(error.message), { code: error.code });
  const custom = Object.entries((audit?.custom ?? {}) as Record<string, string>);
  const { drop, closeCode, closeReason = '' } = websocketDecision ?? {};
  return {
    verdict: verdictOf(response),
    needsMore: response['needsMore'] === true,
    requestHeaders: list<Op>(response['requestHeaders']).map(opOf),
    responseHeaders: list<Op>(response['responseHeaders']).map(opOf),
    audit: { ...audit, custom: Object.fromEntries(custom.map(([name, text]) => [name, JSON.parse(text) as unknown])) },
    requestBodyMutation: mutationOf(response['requestBodyMutation']),
    responseBodyMutation: mutationOf(response['responseBodyMutation']),
    routingMetadata: (response['routingMetadata'] ?? {}) as Record<string, string>,
    ...(drop === true && { webSocket: { type: 'drop' as const } }),
    ...(closeCode !== undefined && { webSocket: { type: 'close' as const, code: closeCode, reason: closeReason } }),
  };
}
