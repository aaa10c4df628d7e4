import { ALLOW, type Decision, type EncodedMessage, type ProxyEvent, type ResponseBodyChunk } from '@agentwire/core';
import { isThirdPartyZentinel } from '@agentwire/core/internal';
import type { AgentRequest } from '@agentwire/core/session';
import { RequestMessage, ResponseMessage } from '../body/http-messages.ts';
import type { Message } from '../body/message.ts';
import { guardrailDecision } from '../decision/check-decision.ts';
import type { AgentHandlers, MaybePromise } from '../handler/agent-handlers.ts';
import { CONTINUE, type Reply } from '../run/handler-run.ts';
import { isHeartbeat } from '../zentinel/released-proxy.ts';
import { losesResponseBodies, withoutLength, withUnchangedData } from '../zentinel/response-bodies.ts';
import { ChunkDispatcher, isLast } from './chunk-dispatcher.ts';
import { type ContextHost, EventContext } from './event-context.ts';
import type { HandlerCalls } from './handler-calls.ts';
import type { RequestScopes } from './request-scopes.ts';

type EventOf<T extends ProxyEvent['type']> = Extract<ProxyEvent, { type: T }>;

/** Delivers each event to its handler, with the request that it belongs to. */
export class Dispatcher {
  readonly #host: ContextHost;
  readonly #handlers: AgentHandlers;
  readonly #scopes: RequestScopes;
  readonly #calls: HandlerCalls;
  readonly #chunks: ChunkDispatcher;
  #toldUnsent = false;

  constructor(host: ContextHost, handlers: AgentHandlers, scopes: RequestScopes, calls: HandlerCalls) {
    this.#host = host;
    this.#handlers = handlers;
    this.#scopes = scopes;
    this.#calls = calls;
    this.#chunks = new ChunkDispatcher(host, handlers, calls);
  }

  /** Calls the handler of an event. @throws the handler's error */
  dispatch(event: ProxyEvent, request: AgentRequest, encoded?: EncodedMessage): Decision | Promise<Reply> {
    switch (event.type) {
      case 'requestHeaders':
        return this.#onRequestHeaders(event, request, encoded);
      case 'responseHeaders':
        return this.#onResponseHeaders(event, request);
      case 'requestBodyChunk':
        return this.#chunks.dispatch(event, this.#context(event, request));
      case 'responseBodyChunk':
        return this.#onResponseChunk(event, request);
      case 'requestComplete':
        return this.#onRequestComplete(event, request);
      default:
        return this.#onOther(event, request);
    }
  }

  #onRequestHeaders(
    event: EventOf<'requestHeaders'>,
    request: AgentRequest,
    encoded: EncodedMessage | undefined,
  ): Decision | Promise<Reply> {
    const scope = this.#scopes.begin(request);
    const context = new EventContext(this.#host, request, scope, false);
    const message = new RequestMessage(event, context);
    context.request = message;
    if (scope !== undefined) scope.request = message;
    let reply: Decision | Promise<Reply> | undefined;
    try {
      reply = this.#decideHead(event, message, context);
      return reply;
    } finally {
      this.#scopes.store(scope, encoded, isFinal(reply));
    }
  }

  #decideHead(
    event: EventOf<'requestHeaders'>,
    message: RequestMessage,
    context: EventContext,
  ): Decision | Promise<Reply> {
    const handler = this.#handlers.onRequestHeaders;
    const chunked = this.#handlers.onRequestBodyChunk === undefined ? undefined : message;
    if (handler === undefined) return withoutHeadHandler(chunked);
    this.#calls.admit();
    return this.#calls.call(handler, message, context, event, 'onRequestHeaders', chunked);
  }

  #onResponseHeaders(event: EventOf<'responseHeaders'>, request: AgentRequest): Decision | Promise<Reply> {
    const handler = this.#handlers.onResponseHeaders;
    const context = this.#context(event, request);
    const message = new ResponseMessage(event, context, context.request?.method);
    if (context.scope !== undefined) this.#scopes.addResponse(message, context.scope);
    const chunked = this.#handlers.onResponseBodyChunk === undefined ? undefined : message;
    if (!this.#host.responseBody) this.#scopes.over(event, context);
    const ends = this.#host.responseBody && !message.hasBody;
    let reply: Decision | Promise<Reply> | undefined;
    try {
      reply =
        handler === undefined
          ? withoutHeadHandler(chunked)
          : this.#calls.call(handler, message, context, event, 'onResponseHeaders', chunked);
    } finally {
      if (ends) this.#overUnlessMore(reply, event, context);
    }
    return chunked !== undefined && losesResponseBodies(context.peer) ? mapReply(reply, withoutLength) : reply;
  }

  /** Ends the request of a response without a body, unless its agent asks for more and so gets an empty last chunk. */
  #overUnlessMore(
    reply: Decision | Promise<Reply> | undefined,
    event: EventOf<'responseHeaders'>,
    context: EventContext,
  ): void {
    const over = (decision?: Decision): void => {
      if (decision?.needsMore !== true) this.#scopes.over(event, context);
    };
    if (!(reply instanceof Promise)) return over(reply);
    // a session delivers the next event of a request after this one's answer
    if (isThirdPartyZentinel(context.peer)) void reply.then(over, () => over());
  }

  #onResponseChunk(event: ResponseBodyChunk, request: AgentRequest): Decision | Promise<Reply> {
    const context = this.#context(event, request);
    let reply: Decision | Promise<Reply>;
    try {
      reply = this.#chunks.dispatch(event, context);
    } finally {
      if (isLast(event, context.peer)) this.#scopes.over(event, context);
    }
    return losesResponseBodies(context.peer)
      ? mapReply(reply, (decision) => withUnchangedData(decision, event))
      : reply;
  }

  #onRequestComplete(event: EventOf<'requestComplete'>, request: AgentRequest): Decision | Promise<Reply> {
    const handler = this.#handlers.onRequestComplete;
    const context = this.#context(event, request);
    this.#scopes.over(event, context);
    if (handler === undefined) return ALLOW;
    const decided = (decision: Decision | void): Decision => {
      if (decision !== undefined && context.peer.dialect !== 'zentinel') this.#tellUnsent(context);
      return decision ?? ALLOW;
    };
    const complete = (): MaybePromise<Decision> => {
      const result = handler(event, context);
      return result instanceof Promise ? result.then(decided) : decided(result);
    };
    return this.#calls.call(complete, event, context, event, 'onRequestComplete');
  }

  #tellUnsent({ peer, logger }: EventContext): void {
    if (this.#toldUnsent) return;
    this.#toldUnsent = true;
    logger.warn(
      { peer: peer.name },
      'the decision of onRequestComplete is not sent: this proxy takes no answer to it; context.log() reaches it',
    );
  }

  #onOther(
    event: EventOf<'webSocketFrame' | 'guardrailInspect' | 'configure'>,
    request: AgentRequest,
  ): Decision | Promise<Reply> {
    const context = this.#context(event, request);
    const { onWebSocketFrame, onGuardrail, onConfigure } = this.#handlers;
    if (event.type === 'webSocketFrame') {
      if (onWebSocketFrame === undefined) return ALLOW;
      return this.#calls.call(onWebSocketFrame, event, context, event, 'onWebSocketFrame');
    }
    if (event.type === 'configure') {
      if (onConfigure === undefined || isHeartbeat(event, context.peer)) return ALLOW;
      const configure = (): MaybePromise<Decision> => {
        const result = onConfigure(event, context);
        return result instanceof Promise ? result.then((decision) => decision ?? ALLOW) : (result ?? ALLOW);
      };
      return this.#calls.call(configure, event, context, event, 'onConfigure');
    }
    if (onGuardrail === undefined) return ALLOW;
    this.#calls.admit();
    const inspect = (): MaybePromise<Decision> => {
      const result = onGuardrail(event, context);
      return result instanceof Promise ? result.then(guardrailDecision) : guardrailDecision(result);
    };
    return this.#calls.call(inspect, event, context, event, 'onGuardrail');
  }

  #context(event: ProxyEvent, request: AgentRequest): EventContext {
    const { scope, ambiguous } = this.#scopes.find(event, request);
    return new EventContext(this.#host, request, scope, ambiguous);
  }
}

/** Replies to a head that has no handler: asks for the body if a handler of chunks decides on it. */
function withoutHeadHandler(message: Message | undefined): Decision {
  return message?.hasBody === true ? CONTINUE : ALLOW;
}

/** Applies `change` to a reply, synchronously where possible. */
function mapReply(
  reply: Decision | Promise<Reply>,
  change: (decision: Decision) => Decision,
): Decision | Promise<Reply> {
  return reply instanceof Promise ? reply.then((decision) => decision && change(decision)) : change(reply);
}

/** Returns whether the session is done with a request once it has this reply. */
function isFinal(reply: Decision | Promise<Reply> | undefined): boolean {
  return reply !== undefined && !(reply instanceof Promise) && reply.needsMore !== true;
}
