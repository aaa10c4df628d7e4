import { AgentwireError, type HeaderOp, type Verdict } from '@agentwire/core';
import { isValidHeaderName, isValidHeaderValue } from '@agentwire/core/internal';
import { applyHeaderOps, stripHopByHop } from '@agentwire/headers';
import { BadRequest, Refusal } from './refusal.ts';

/** Answer of the gateway itself. */
export interface OwnResponse {
  readonly status: number;
  /** Name, value, name, value… */
  readonly headers: string[];
  readonly body: string;
  /** Closes the connection after it; default `false`. */
  readonly close?: boolean;
}

const TEXT = ['content-type', 'text/plain; charset=utf-8'];

const quoted = (text: string): string => `"${text.replaceAll(/["\\]/g, String.raw`\$&`)}"`;

/**
 * Returns the answer for a verdict other than allow. A challenge is 401 with `WWW-Authenticate: TYPE name="value"…` and the
 * same as JSON, for browsers and programs.
 */
function forVerdict(verdict: Exclude<Verdict, { type: 'allow' }>): OwnResponse {
  switch (verdict.type) {
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

const STATUS: Partial<Record<AgentwireError['code'], number>> = {
  ERR_BODY_TOO_LARGE: 413,
  ERR_TIMEOUT: 504,
  ERR_OVERLOADED: 503,
  ERR_NO_SPACE: 507,
};

/** Returns the answer for an error: 502 where nothing better is known. Its body tells no more than the status. */
function forError(error: unknown): OwnResponse {
  if (error instanceof BadRequest) {
    const { status, headers, message } = error;
    return { status, headers: [...TEXT, ...headers], body: `${message}\n`, close: true };
  }
  const status = (error instanceof AgentwireError ? STATUS[error.code] : undefined) ?? 502;
  return { status, headers: TEXT, body: '' };
}

/**
 * Returns the answer in place of the upstream's response.
 *
 * @param ops changes of the response that agents decided before
 */
export function ownResponse(error: unknown, ops: readonly HeaderOp[]): OwnResponse {
  if (!(error instanceof Refusal) || error.decision.verdict.type === 'allow') return forError(error);
  const own = forVerdict(error.decision.verdict);
  try {
    return { ...own, headers: applyHeaderOps(own.headers, ops) as string[] };
  } catch (cause) {
    return forError(cause);
  }
}
