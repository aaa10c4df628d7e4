import type { Connection, RequestHeaders } from '@agentwire/core';
import { AgentRequestCore } from '@agentwire/core/session/internal';
import { RequestMessage } from '../body/message.ts';
import { type ContextHost, EventContext, RequestScope } from './event-context.ts';

/** Why no body comes for a request that its session has forgotten. */
export const ENDED_EARLY = 'the request ended before its body did';

/** Makes again what later events know of a request that was decided at its head and has nothing but that. */
export function reviveScope(host: ContextHost, connection: Connection, head: RequestHeaders): RequestScope {
  const scope = new RequestScope(head.id, connection);
  const context = new EventContext(host, new AgentRequestCore(head.id, connection), scope, false);
  context.decided = true;
  const message = new RequestMessage(head, context);
  message.endBody(ENDED_EARLY);
  context.request = message;
  scope.request = message;
  scope.kept = true;
  return scope;
}
