import type { Decision, Logger, Peer, ProxyEvent } from '@agentwire/core';
import { isReleasedProxy, type Quirk } from '@agentwire/core/internal';

/**
 * Replacement of a challenge. `block`: a block with status 403 towards the released Zentinel proxy, which would let a
 * challenged request pass. `always`: that block towards every proxy. `none`: the challenge is sent as it is.
 */
export type ChallengeFallback = 'block' | 'always' | 'none';

/** Continuations of "it …" in the warning of each quirk. */
const EFFECTS: Readonly<Record<Quirk, string>> = {
  challenge_is_allow: 'lets a challenged request pass; challengeFallback sets what is answered instead',
  redirect_is_error: 'answers a redirect with status 500',
  block_headers_dropped: 'drops the headers of a block',
  request_body_mutation_ignored: 'ignores changes to request bodies',
  needs_more_ignored: 'does not wait for the decision on a body when more is asked for',
  response_block_ignored: 'ignores a block once the response is there',
  response_headers_early_dropped: 'drops response headers that are set before the response is there',
  response_body_mutation_required:
    'takes an empty replacement of a response chunk for none, so that a dropped chunk is replaced by a space',
  response_body_mutation_ignored: 'ignores changes to response bodies',
};

function usedBy(decision: Decision, event: ProxyEvent): Quirk[] {
  const { type } = event;
  const { verdict } = decision;
  const used: Quirk[] = [];
  if (verdict.type === 'challenge') used.push('challenge_is_allow');
  if (verdict.type === 'redirect') used.push('redirect_is_error');
  if (verdict.type === 'block' && (verdict.headers?.length ?? 0) > 0) used.push('block_headers_dropped');
  if (verdict.type === 'block' && type.startsWith('response')) used.push('response_block_ignored');
  if (decision.requestBodyMutation !== undefined) used.push('request_body_mutation_ignored');
  const data = decision.responseBodyMutation?.data ?? undefined;
  if (data !== undefined) used.push('response_body_mutation_ignored');
  if (data?.byteLength === 0) used.push('response_body_mutation_required');
  if (decision.needsMore === true) used.push('needs_more_ignored');
  if (type === 'requestHeaders' && (decision.responseHeaders?.length ?? 0) > 0)
    used.push('response_headers_early_dropped');
  return used;
}

/** Warns once per quirk when a handler's decision depends on it, and replaces a challenge that would let the request pass. */
export class QuirkAdapter {
  readonly #logger: Logger;
  readonly #challengeFallback: ChallengeFallback;
  readonly #warned = new Set<Quirk>();

  constructor(logger: Logger, challengeFallback: ChallengeFallback) {
    this.#logger = logger;
    this.#challengeFallback = challengeFallback;
  }

  /** Returns the decision as it should be sent to `peer`. */
  adapt(decision: Decision, event: ProxyEvent, peer: Peer): Decision {
    if (peer.quirks.length > 0) {
      for (const quirk of usedBy(decision, event)) if (peer.quirks.includes(quirk)) this.#warn(quirk, peer);
    }
    if (decision.verdict.type !== 'challenge' || this.#challengeFallback === 'none') return decision;
    return this.#challengeFallback === 'always' || isReleasedProxy(peer) ? blockInstead(decision) : decision;
  }

  #warn(quirk: Quirk, peer: Peer): void {
    if (this.#warned.has(quirk)) return;
    this.#warned.add(quirk);
    this.#logger.warn(
      { peer: peer.name, quirk },
      `this agent uses something that ${peer.name} does not do: it ${EFFECTS[quirk]}`,
    );
  }
}

function blockInstead(decision: Decision): Decision {
  const reasonCodes = [...(decision.audit?.reasonCodes ?? []), 'agentwire:challenge_fallback'];
  return { verdict: { type: 'block', status: 403 }, audit: { ...decision.audit, reasonCodes } };
}
