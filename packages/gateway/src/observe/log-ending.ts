import { AgentwireError } from '@agentwire/core';
import { Refusal } from '@agentwire/pipeline';
import { failureKindOf } from '@agentwire/pool/internal';
import { auditTexts } from '../access-log/access-format.ts';
import type { ClientRequest } from '../client-messages.ts';
import type { ResolvedGatewayOptions } from '../options/resolve-options.ts';
import { loggedPath } from '../request/target.ts';
import { NoRoute, type Outcome } from '../response/refusal.ts';

/** Request that ended without the answer of its upstream. */
interface EndedRequest {
  readonly id: string;
  readonly request: ClientRequest;
  /** Name of its route; empty where it has none. */
  readonly route: string;
  /** Target that it was sent to last, as in the access log. */
  readonly upstream: string | undefined;
}

/** Logs why a request ended without the answer of its upstream: an error, or the block of an agent. */
export function logEnding(
  error: unknown,
  { outcome, decision }: Outcome,
  { id, request, route, upstream }: EndedRequest,
  { logger, logQuery, onRequestEnd }: Pick<ResolvedGatewayOptions, 'logger' | 'logQuery' | 'onRequestEnd'>,
): void {
  if (error instanceof NoRoute) return;
  const facts = {
    id,
    method: request.method,
    path: loggedPath(request.url, logQuery),
    ...(route !== '' && { route }),
    ...(upstream !== undefined && { upstream }),
  };
  if (!(error instanceof Refusal)) {
    const code = error instanceof AgentwireError ? error.code : (error as Error | undefined)?.name;
    logger.warn({ ...facts, code }, `a request could not be proxied: ${(error as Error | undefined)?.message ?? ''}`);
    return;
  }
  // onRequestEnd is told of every block, and the pool has logged those of a failure policy
  if (outcome !== 'blocked' || onRequestEnd !== undefined) return;
  if (decision === undefined || failureKindOf(decision) !== undefined) return;
  const { verdict, audit } = decision;
  const status = verdict.type === 'block' ? verdict.status : undefined;
  const grounds = {
    ruleIds: auditTexts(audit, 'ruleIds'),
    tags: auditTexts(audit, 'tags'),
    reasonCodes: auditTexts(audit, 'reasonCodes'),
  };
  logger.warn({ ...facts, agent: error.agent, status, ...grounds }, 'an agent blocked a request');
}
