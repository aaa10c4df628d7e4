import type { EncodedMessage, ProxyEvent } from '@agentwire/core';
import type { AgentRequest } from '@agentwire/core/session';
import type { Message, ResponseMessage } from '../body/message.ts';
import type { Agent } from '../define/agent.ts';
import { type ContextHost, type EventContext, RequestScope } from './event-context.ts';
import { isForeignZentinel, isReleasedProxy, isVersionOne } from './released-proxy.ts';
import { type Found, RequestStore } from './request-store.ts';
import { ENDED_EARLY } from './revive-scope.ts';

/**
 * Finds what is kept of an event's request. It belongs to the connection's own request, until that is completed or
 * cancelled or the connection ends; that of a foreign peer of the zentinel dialect to the process, see {@link RequestStore}.
 * An agent that needs nothing of it keeps nothing.
 */
export class RequestScopes {
  readonly #kept: boolean;
  /** Whether the agent wants to hear that a request is over. */
  readonly #wantsEnd: boolean;
  readonly #store: RequestStore;

  constructor(agent: Agent, host: ContextHost) {
    const { onResponseHeaders, onRequestComplete, onWebSocketFrame, onCancel } = agent.handlers;
    const later = [onResponseHeaders, onRequestComplete, onWebSocketFrame, onCancel].some(
      (handler) => handler !== undefined,
    );
    this.#kept = later || agent.requestBody || agent.responseBody;
    this.#wantsEnd = onRequestComplete !== undefined || onCancel !== undefined;
    this.#store = new RequestStore(host, agent.limits.maxTrackedRequests, agent.limits.requestStateTtlMs);
  }

  /** Requests of foreign peers of the zentinel dialect that are kept. */
  get tracked(): number {
    return this.#store.size;
  }

  /** A request's head has come. */
  begin(request: AgentRequest): RequestScope | undefined {
    const { connection } = request;
    const foreign = isForeignZentinel(connection.peer);
    // such a proxy may go on without an answer, whose decision must then meet the next event
    if (!this.#kept && !foreign) return undefined;
    const scope = new RequestScope(request.id, connection);
    request.state = scope;
    if (!foreign) request.retain = true;
    return scope;
  }

  /** The head's handler was called, and has decided where `decided` says so: from now on later events find its request. */
  keep(scope: RequestScope | undefined, encoded: EncodedMessage | undefined, decided: boolean): void {
    if (!this.#kept || scope === undefined || scope.refused || !isForeignZentinel(scope.connection.peer)) return;
    this.#store.keep(scope, encoded, decided);
  }

  pin(scope: RequestScope): void {
    this.#store.pin(scope);
  }

  /** The response to a request has come. */
  answeredBy(response: ResponseMessage, scope: RequestScope): void {
    scope.response = response;
    this.#store.weighAgain(scope);
  }

  /** What belongs to a later event. */
  find(event: ProxyEvent, request: AgentRequest): Found {
    const { connection } = request;
    const own = request.state as RequestScope | undefined;
    if (!this.#kept) return { scope: own, ambiguous: false };
    if (!isForeignZentinel(connection.peer)) return { scope: own ?? this.begin(request), ambiguous: false };
    const where = event.type === 'requestBodyChunk' && !isVersionOne(connection.peer) ? connection.id : undefined;
    const found = this.#store.find(connection.peer.name, request.id, where);
    if (found.scope !== undefined) overtake(found.scope, event, request);
    if (found.scope !== undefined || found.ambiguous) return found;
    if (own !== undefined || !this.#wantsEnd) return { scope: own, ambiguous: false };
    return this.#store.ended(connection.peer.name, request.id);
  }

  /** A request of a foreign peer of the zentinel dialect is over with this event. */
  over(event: ProxyEvent, { peer, scope }: EventContext): void {
    if (!this.#kept || !isForeignZentinel(peer)) return;
    if (scope !== undefined) {
      // the refusal of an event that ends its request anyway must not end another one of the same id
      if (scope.over && event.type !== 'requestComplete') return;
      scope.over = true;
    }
    // the released proxy never says that a request is over
    const told = this.#wantsEnd && event.type !== 'requestComplete' && !isReleasedProxy(peer);
    // what was not kept yet is not counted yet either
    if (event.type !== 'requestHeaders' || scope?.kept !== false) return this.#store.over(peer.name, event.id, told);
    scope.refused = true;
    if (told) this.#store.end(scope);
  }

  /** A foreign peer of the zentinel dialect has given a request up that its session need not know. */
  cancel(request: AgentRequest): RequestScope | undefined {
    const { peer } = request.connection;
    if (!this.#kept || !isForeignZentinel(peer)) return undefined;
    const { scope } = this.#store.find(peer.name, request.id);
    this.#store.over(peer.name, request.id);
    return scope;
  }

  /** A session forgets a request: what still reads its body there will get no more. */
  end(request: AgentRequest): RequestScope | undefined {
    const scope = request.state as RequestScope | undefined;
    if (scope === undefined) return undefined;
    abandon(scope.request, request);
    abandon(scope.response, request);
    return scope;
  }

  clear(): void {
    this.#store.clear();
  }
}

/** A body that was to come over `request` comes no more. */
function abandon(message: Message | undefined, request: AgentRequest): void {
  if (message?.host.agentRequest === request) message.endBody(ENDED_EARLY);
}

/** The response has come while the request's handler still waits or reads: the proxy has gone on without it. */
function overtake(scope: RequestScope, event: ProxyEvent, request: AgentRequest): void {
  if (isReleasedProxy(request.connection.peer)) scope.turns?.overtake();
  if (event.type === 'requestBodyChunk') return;
  scope.request?.endBody('the proxy went on before the end of the request body');
}
