import { isValidHeaderName, isValidHeaderValue } from '@agentwire/core/internal';
import type { HeaderOp } from '@agentwire/core';
import { applyHeaderOps, stripHopByHop } from '@agentwire/headers';
import type { Refusal } from './refusal.ts';

/** Response in place of the upstream's. */
export interface VerdictResponse {
  readonly status: number;
  /** Name, value, name, value… */
  readonly headers: string[];
  readonly body: string;
}

const TEXT = ['content-type', 'text/plain; charset=utf-8'];

const quoted = (text: string): string => `"${text.replaceAll(/["\\]/g, String.raw`\$&`)}"`;

function responseOf({ decision: { verdict } }: Refusal): VerdictResponse {
  switch (verdict.type) {
    case 'allow':
      throw new TypeError('an allowed request has no response of its own');
    case 'block': {
      const headers = stripHopByHop(verdict.headers ?? []);
      const typed = headers.some((name, at) => at % 2 === 0 && name.toLowerCase() === 'content-type');
      return { status: verdict.status, headers: [...(typed ? [] : TEXT), ...headers], body: verdict.body ?? '' };
    }
    case 'redirect':
      return {
        status: verdict.status,
        headers: ['location', verdict.url.replaceAll(/[^\x21-\x7e]+/g, encodeURIComponent)],
        body: '',
      };
    case 'challenge': {
      // a header carries less than JSON does: what it cannot carry is only in the body
      const params = Object.entries(verdict.params)
        .filter(([name, value]) => isValidHeaderName(name) && isValidHeaderValue(value))
        .map(([name, value]) => `${name}=${quoted(value)}`);
      const challenge = [verdict.challengeType, params.join(', ')].filter((part) => part !== '').join(' ');
      const body = JSON.stringify({ challenge_type: verdict.challengeType, params: verdict.params });
      return { status: 401, headers: ['www-authenticate', challenge, 'content-type', 'application/json'], body };
    }
  }
}

/**
 * Returns the response for a verdict other than allow. A challenge is 401 with `WWW-Authenticate: TYPE name="value"…` and the
 * same as JSON, for browsers and programs.
 *
 * @param ops changes of the response that agents decided before
 * @throws AgentwireError `ERR_INVALID_HEADER` for a change that HTTP forbids
 */
export function verdictResponse(refusal: Refusal, ops: readonly HeaderOp[]): VerdictResponse {
  const own = responseOf(refusal);
  return { ...own, headers: applyHeaderOps(own.headers, ops) as string[] };
}
