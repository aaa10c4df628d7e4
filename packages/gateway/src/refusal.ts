import { AgentwireError, type Decision, type Verdict } from '@agentwire/core';

/** Thrown through the gateway's own stages when an agent decided against a request; not an error of anybody. */
export class Refusal extends Error {
  readonly agent: string;
  readonly decision: Decision;

  constructor(agent: string, decision: Decision) {
    super(`${agent} decided: ${decision.verdict.type}`);
    this.name = 'Refusal';
    this.agent = agent;
    this.decision = decision;
  }
}

/** An answer of the gateway itself. */
export interface OwnResponse {
  readonly status: number;
  /** Name, value, name, value… */
  readonly headers: string[];
  readonly body: string;
}

const quoted = (text: string): string => `"${text.replaceAll(/["\\]/g, String.raw`\$&`)}"`;

/**
 * The answer for a verdict that is not allow. A challenge is 401 with `WWW-Authenticate: TYPE name="value"…` and the same
 * as JSON, so that both browsers and programs can go on from it.
 */
export function responseFor(verdict: Exclude<Verdict, { type: 'allow' }>): OwnResponse {
  switch (verdict.type) {
    case 'block':
      return {
        status: verdict.status,
        headers: ['content-type', 'text/plain; charset=utf-8', ...(verdict.headers ?? [])],
        body: verdict.body ?? '',
      };
    case 'redirect':
      return { status: verdict.status, headers: ['location', verdict.url], body: '' };
    case 'challenge': {
      const params = Object.entries(verdict.params).map(([name, value]) => `${name}=${quoted(value)}`);
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
};

/** The answer for something that went wrong: 502 where nothing better is known. Says no more than the status does. */
export function responseForError(error: unknown): OwnResponse {
  const status = (error instanceof AgentwireError ? STATUS[error.code] : undefined) ?? 502;
  return { status, headers: ['content-type', 'text/plain; charset=utf-8'], body: '' };
}
