import type { EncodedMessage, ProxyEvent } from '@agentwire/core';
import { isReleasedProxy, isThirdPartyZentinel } from '@agentwire/core/internal';
import type { AgentRequest } from '@agentwire/core/session';
import type { ResponseMessage } from '../body/http-messages.ts';
import type { Message } from '../body/message.ts';
import type { Agent } from '../define/define-agent.ts';
import { isVersionOne } from '../zentinel/released-proxy.ts';
import { ENDED_EARLY, type Found, RequestStore } from '../zentinel/request-store.ts';
import type { ContextHost, EventContext } from './event-context.ts';
import { RequestScope } from './request-scope.ts';

/**
 * Finds the scope of an event's request. It belongs to the connection's own request until that is completed or cancelled or
 * the connection ends; the scope of a third-party peer of the zentinel dialect belongs to the process, see
 * {@link RequestStore}. An agent that needs nothing of it keeps nothing.
 */
export class RequestScopes {
  readonly #kept: boolean;
  /** `true` if the agent is to be told that a request is over. */
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

  /** Number of stored requests of third-party peers of the zentinel dialect. */
  get tracked(): number {
    return this.#store.size;
  }

  /** Creates the scope of a request whose head has arrived. */
  begin(request: AgentRequest): RequestScope | undefined {
    const { connection } = request;
    // one field tells the peers of the documented dialect
    const thirdParty = connection.peer.dialect === 'zentinel' && isThirdPartyZentinel(connection.peer);
    // such a proxy may go on without an answer, and the decision must then answer the next event
    if (!this.#kept && !thirdParty) return undefined;
    const scope = new RequestScope(request.id, connection);
    request.state = scope;
    if (!thirdParty) request.retain = true;
    return scope;
  }

  /** Stores a scope once the head's handler was called, so that later events find it. @param decided whether it has decided */
  store(scope: RequestScope | undefined, encoded: EncodedMessage | undefined, decided: boolean): void {
    if (!this.#kept || scope === undefined || scope.refused || !isThirdPartyZentinel(scope.connection.peer)) return;
    this.#store.store(scope, encoded, decided);
  }

  pin(scope: RequestScope): void {
    this.#store.pin(scope);
  }

  /** Adds the response to its request. */
  addResponse(response: ResponseMessage, scope: RequestScope): void {
    scope.response = response;
    this.#store.weighAgain(scope);
  }

  /** Finds the scope of a later event. */
  find(event: ProxyEvent, request: AgentRequest): Found {
    const { connection } = request;
    const own = request.state as RequestScope | undefined;
    if (!this.#kept) return { scope: own, ambiguous: false };
    if (!isThirdPartyZentinel(connection.peer)) return { scope: own ?? this.begin(request), ambiguous: false };
    const where = event.type === 'requestBodyChunk' && !isVersionOne(connection.peer) ? connection.id : undefined;
    const found = this.#store.find(connection.peer.name, request.id, where);
    if (found.scope !== undefined) overtake(found.scope, event, request);
    if (found.scope !== undefined || found.ambiguous) return found;
    if (own !== undefined || !this.#wantsEnd) return { scope: own, ambiguous: false };
    return this.#store.ended(connection.peer.name, request.id);
  }

  /** Ends a request of a third-party peer of the zentinel dialect with this event. */
  over(event: ProxyEvent, { peer, scope }: EventContext): void {
    if (!this.#kept || !isThirdPartyZentinel(peer)) return;
    if (scope !== undefined) {
      // the refusal of an event that ends its request anyway must not end another one of the same id
      if (scope.over && event.type !== 'requestComplete') return;
      scope.over = true;
    }
    // the released proxy never reports the end of a request
    const reported = this.#wantsEnd && event.type !== 'requestComplete' && !isReleasedProxy(peer);
    // a scope that is not stored yet is not counted yet either
    if (event.type !== 'requestHeaders' || scope?.stored !== false)
      return this.#store.over(peer.name, event.id, reported);
    scope.refused = true;
    if (reported) this.#store.end(scope);
  }

  /** Ends a request that a third-party peer of the zentinel dialect has cancelled and its session need not know. */
  cancel(request: AgentRequest): RequestScope | undefined {
    const { peer } = request.connection;
    if (!this.#kept || !isThirdPartyZentinel(peer)) return undefined;
    const { scope } = this.#store.find(peer.name, request.id);
    this.#store.over(peer.name, request.id);
    return scope;
  }

  /** Ends the bodies that were to arrive over a request that its session forgets, and returns its scope. */
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

/** Fails a body that was to arrive over `request`. */
function abandon(message: Message | undefined, request: AgentRequest): void {
  if (message?.host.agentRequest === request) message.endBody(ENDED_EARLY);
}

/** Handles a response that arrives while the request's handler still waits or reads: the proxy has gone on without it. */
function overtake(scope: RequestScope, event: ProxyEvent, request: AgentRequest): void {
  if (isReleasedProxy(request.connection.peer)) scope.run?.overtake();
  if (event.type === 'requestBodyChunk') return;
  scope.request?.endBody('the proxy went on before the end of the request body');
}
