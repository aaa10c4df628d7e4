import type { Clock } from '@agentwire/core';
import type { ClientRequest } from '../client-messages.ts';
import type { RequestSummary } from '../options/gateway-options.ts';
import { clientOf, peerOf } from '../request/request-head.ts';
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
