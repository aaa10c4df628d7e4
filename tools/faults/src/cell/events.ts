import type { EventBody } from '@agentwire/core/session';
import type { Decision, RequestHeaders } from '@agentwire/core';

const METADATA: RequestHeaders['metadata'] = {
  correlationId: 'c-1',
  requestId: 'r-1',
  clientIp: '192.0.2.7',
  clientPort: 40_000,
  protocol: 'HTTP/1.1',
  timestamp: '2026-01-01T00:00:00Z',
};

/** The head of a request for `uri`; the fault agents decide by it. */
export function headers(uri: string): Omit<RequestHeaders, 'id'> & EventBody {
  return {
    type: 'requestHeaders',
    metadata: METADATA,
    method: 'GET',
    uri,
    headers: ['host', 'example.test', 'accept', '*/*'],
    hasBody: false,
  };
}

/** The tag of a decision that the fault agents put there, without `n:`; `undefined` where there is none. */
export function numberOf(decision: Decision | undefined): string | undefined {
  return decision?.audit?.tags?.find((tag) => tag.startsWith('n:'))?.slice(2);
}
