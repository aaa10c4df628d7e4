import type { Clock } from '@agentwire/core';
import type { ClientRequest } from '../client-messages.ts';
import { failureKindOf } from '@agentwire/pool/internal';
import type { Pipeline } from '@agentwire/pipeline';
import type { RequestSummary } from '../options/gateway-options.ts';
import { clientOf, peerOf } from '../request/request-head.ts';
import type { Outcome } from '../response/refusal.ts';
import type { TrustedProxies } from '../request/trusted-proxies.ts';

/** Part of a {@link RequestSummary} that the request alone tells. */
export type RequestFacts = Pick<
  RequestSummary,
  'method' | 'uri' | 'protocol' | 'client' | 'startedAt' | 'referer' | 'userAgent' | 'durationMs'
>;

/** Returns what the request alone tells, at its end. */
export function requestFacts(
  request: ClientRequest,
  clock: Clock,
  durationMs: number,
  proxies: TrustedProxies | undefined,
): RequestFacts {
  const { method = 'GET', url: uri = '/', headers } = request;
  return {
    method,
    uri,
    protocol: `HTTP/${request.httpVersion}`,
    client: clientOf(request, peerOf(request, proxies), proxies).address ?? '',
    startedAt: clock.wallNow() - durationMs,
    referer: headers.referer,
    userAgent: headers['user-agent'],
    durationMs,
  };
}

/** Returns the grounds of the decisions on a request, and which of them agents did not make themselves: failure policies or the pool's cache did. */
export function decisionGrounds(
  { failure, cached, noted }: Pick<Pipeline, 'failure' | 'cached' | 'noted'>,
  { agent, decision }: Outcome,
): Pick<RequestSummary, 'failed' | 'reason' | 'cached' | 'audit'> {
  const audit = decision === undefined ? noted : decision.audit;
  if (failure === undefined) return { cached, audit };
  if (decision === undefined) return { failed: failure.agent, reason: failure.kind, cached, audit };
  const reason = failureKindOf(decision);
  return { failed: reason && agent, reason, cached, audit };
}
