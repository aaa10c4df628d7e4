import { AgentwireError } from '@agentwire/core';
import { Refusal } from '@agentwire/pipeline';
import type { RequestSummary } from '../options/gateway-options.ts';

/** Outcome of a request, with the decision or the error that caused it. */
export type Outcome = Pick<RequestSummary, 'outcome' | 'agent' | 'decision' | 'error' | 'grpcStatus'>;

const REFUSED = { block: 'blocked', redirect: 'redirected', challenge: 'challenged', allow: 'allowed' } as const;

/** Returns the code of an error, for logs and metrics: one of few. */
function codeOf(error: unknown): string {
  if (error instanceof AgentwireError) return error.code;
  if (error instanceof BadRequest || error instanceof NoRoute) return error.name;
  return 'Error';
}

/** Returns the outcome of a request that ended with this error. */
export function outcomeOf(error: unknown): Outcome {
  if (!(error instanceof Refusal)) return { outcome: 'failed', error: codeOf(error) };
  const { agent, decision } = error;
  const closes = decision.webSocket?.type === 'close';
  return { outcome: closes ? 'blocked' : REFUSED[decision.verdict.type], agent, decision };
}

/**
 * Thrown for a request that the gateway itself refuses. Its connection ends with the answer, because the end of such a request
 * is not certain.
 */
export class BadRequest extends Error {
  readonly status: 400 | 405 | 408 | 414 | 417 | 426 | 431 | 501 | 505;
  /** Further headers of the answer, names and values in turn. */
  readonly headers: readonly string[];

  constructor(status: BadRequest['status'], message: string, headers: readonly string[] = []) {
    super(message);
    this.name = 'BadRequest';
    this.status = status;
    this.headers = headers;
  }
}

/** Thrown for a request that no route matches. */
export class NoRoute extends Error {
  constructor() {
    super('no route matches');
    this.name = 'NoRoute';
  }
}
