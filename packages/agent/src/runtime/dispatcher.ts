import { ALLOW, AgentwireError, type Decision, type EncodedMessage, type ProxyEvent } from '@agentwire/core';
import type { AgentRequest } from '@agentwire/core/session';
import type { BodyPiece } from '../body/body-reader.ts';
import { type Message, RequestMessage, ResponseMessage } from '../body/message.ts';
import { CONTINUE, type Reply } from '../body/turns.ts';
import { judgement } from '../decision/guardrail.ts';
import type { AgentHandlers, MaybePromise } from '../handler/agent-handlers.ts';
import { withoutLength, withUnchangedData } from './conclude.ts';
import { type ContextHost, EventContext } from './event-context.ts';
import type { Outcomes } from './outcomes.ts';
import { isCutShort, isForeignZentinel, isHeartbeat } from './released-proxy.ts';
import type { RequestScopes } from './request-scopes.ts';

type EventOf<T extends ProxyEvent['type']> = Extract<ProxyEvent, { type: T }>;
type ChunkEvent = EventOf<'requestBodyChunk' | 'responseBodyChunk'>;

/** Brings each event to the handler that it is for, with the request that it belongs to. */
export class Dispatcher {
  readonly #host: ContextHost;
  readonly #handlers: AgentHandlers;
  readonly #scopes: RequestScopes;
  readonly #outcomes: Outcomes;

  constructor(host: ContextHost, handlers: AgentHandlers, scopes: RequestScopes, outcomes: Outcomes) {
    this.#host = host;
    this.#handlers = handlers;
    this.#scopes = scopes;
    this.#outcomes = outcomes;
  }

  /** Calls the handler of an event. @throws what the handler throws */
  dispatch(event: ProxyEvent, request: AgentRequest, encoded?: EncodedMessage): Decision | Promise<Reply> {
    switch (event.type) {
      case 'requestHeaders':
        return this.#onRequestHeaders(event, request, encoded);
      case 'responseHeaders':
        return this.#onResponseHeaders(event, request);
      case 'requestBodyChunk':
        return this.#onChunk(event, this.#context(event, request));
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
      this.#scopes.keep(scope, encoded, isFinal(reply));
    }
  }

  #decideHead(
    event: EventOf<'requestHeaders'>,
    message: RequestMessage,
    context: EventContext,
  ): Decision | Promise<Reply> {
    const handler = this.#handlers.onRequestHeaders;
    const chunked = this.#handlers.onRequestBodyChunk === undefined ? undefined : message;
    if (handler === undefined) return headless(chunked);
    this.#outcomes.admit();
    return this.#outcomes.call(handler, message, context, event, 'onRequestHeaders', chunked);
  }

  #onResponseHeaders(event: EventOf<'responseHeaders'>, request: AgentRequest): Decision | Promise<Reply> {
    const handler = this.#handlers.onResponseHeaders;
    const context = this.#context(event, request);
    const message = new ResponseMessage(event, context, context.request?.method);
    if (context.scope !== undefined) this.#scopes.answeredBy(message, context.scope);
    const chunked = this.#handlers.onResponseBodyChunk === undefined ? undefined : message;
    if (!this.#host.responseBody) this.#scopes.over(event, context);
    const ends = this.#host.responseBody && !message.hasBody;
    let reply: Decision | Promise<Reply> | undefined;
    try {
      reply =
        handler === undefined
          ? headless(chunked)
          : this.#outcomes.call(handler, message, context, event, 'onResponseHeaders', chunked);
    } finally {
      if (ends) this.#overUnlessMore(reply, event, context);
    }
    return chunked !== undefined && losesResponseBodies(request) ? later(reply, withoutLength) : reply;
  }

  /** A response without a body ends its request, unless its agent asks for more and so gets an empty last chunk. */
  #overUnlessMore(
    reply: Decision | Promise<Reply> | undefined,
    event: EventOf<'responseHeaders'>,
    context: EventContext,
  ): void {
    const over = (decision?: Decision): void => {
      if (decision?.needsMore !== true) this.#scopes.over(event, context);
    };
    if (!(reply instanceof Promise)) return over(reply);
    // a session hands over the next event of a request after this one's answer
    if (isForeignZentinel(context.peer)) void reply.then(over, () => over());
  }

  #onResponseChunk(event: EventOf<'responseBodyChunk'>, request: AgentRequest): Decision | Promise<Reply> {
    const context = this.#context(event, request);
    let reply: Decision | Promise<Reply>;
    try {
      reply = this.#onChunk(event, context);
    } finally {
      if (isLast(event, request)) this.#scopes.over(event, context);
    }
    return losesResponseBodies(request) ? later(reply, (decision) => withUnchangedData(decision, event)) : reply;
  }

  #onChunk(event: ChunkEvent, context: EventContext): Decision | Promise<Reply> {
    const last = isLast(event, context.agentRequest);
    const piece = { data: event.data, last, truncated: last && !event.last };
    const isRequest = event.type === 'requestBodyChunk';
    const name = isRequest ? 'onRequestBodyChunk' : 'onResponseBodyChunk';
    const handler = this.#handlers[name];
    const announced = isRequest ? this.#host.requestBody : this.#host.responseBody;
    const message = isRequest ? context.scope?.request : context.scope?.response;
    if (message !== undefined) {
      // whoever reads bodies with the head believed that there is none; a handler of chunks has to look at this one
      const believed = announced && (handler === undefined || message.reader?.used === true);
      if (believed && event.data.byteLength > 0 && !message.hasBody) throw unexpectedBody();
      const reply = toReader(message, piece, announced, handler !== undefined);
      if (reply !== undefined) return reply;
    }
    if (handler === undefined) {
      if (message === undefined && announced) throw lost(context.ambiguous);
      return ALLOW;
    }
    const chunk = { index: event.index, ...piece, totalSize: event.totalSize };
    return this.#outcomes.call(handler, chunk, context, event, name);
  }

  #onRequestComplete(event: EventOf<'requestComplete'>, request: AgentRequest): Decision | Promise<Reply> {
    const handler = this.#handlers.onRequestComplete;
    const context = this.#context(event, request);
    this.#scopes.over(event, context);
    if (handler === undefined) return ALLOW;
    const told = (): MaybePromise<Decision> => {
      const outcome = handler(event, context);
      return outcome instanceof Promise ? outcome.then(() => ALLOW) : ALLOW;
    };
    return this.#outcomes.call(told, event, context, event, 'onRequestComplete');
  }

  #onOther(
    event: EventOf<'webSocketFrame' | 'guardrailInspect' | 'configure'>,
    request: AgentRequest,
  ): Decision | Promise<Reply> {
    const context = this.#context(event, request);
    const { onWebSocketFrame, onGuardrail, onConfigure } = this.#handlers;
    if (event.type === 'webSocketFrame') {
      if (onWebSocketFrame === undefined) return ALLOW;
      return this.#outcomes.call(onWebSocketFrame, event, context, event, 'onWebSocketFrame');
    }
    if (event.type === 'configure') {
      if (onConfigure === undefined || isHeartbeat(event, context.peer)) return ALLOW;
      const accept = (): MaybePromise<Decision> => {
        const outcome = onConfigure(event, context);
        return outcome instanceof Promise ? outcome.then((decision) => decision ?? ALLOW) : (outcome ?? ALLOW);
      };
      return this.#outcomes.call(accept, event, context, event, 'onConfigure');
    }
    if (onGuardrail === undefined) return ALLOW;
    this.#outcomes.admit();
    const judge = (): MaybePromise<Decision> => {
      const outcome = onGuardrail(event, context);
      return outcome instanceof Promise ? outcome.then(judgement) : judgement(outcome);
    };
    return this.#outcomes.call(judge, event, context, event, 'onGuardrail');
  }

  #context(event: ProxyEvent, request: AgentRequest): EventContext {
    const { scope, ambiguous } = this.#scopes.find(event, request);
    return new EventContext(this.#host, request, scope, ambiguous);
  }
}

/** The answer to a head that no handler decides on; another one may wait for the body's chunks. */
const headless = (chunked: Message | undefined): Decision => (chunked?.hasBody === true ? CONTINUE : ALLOW);

/** Whether the proxy takes an answer without bytes to a response chunk for an empty body. */
function losesResponseBodies({ connection }: AgentRequest): boolean {
  return connection.peer.quirks.includes('response_body_mutation_required');
}

/** Changes a reply, now or when it is there. */
function later(reply: Decision | Promise<Reply>, change: (decision: Decision) => Decision): Decision | Promise<Reply> {
  return reply instanceof Promise ? reply.then((decision) => decision && change(decision)) : change(reply);
}

/** Whether the session has no more to do with a request once it has this reply. */
function isFinal(reply: Decision | Promise<Reply> | undefined): boolean {
  return reply !== undefined && !(reply instanceof Promise) && reply.needsMore !== true;
}

function isLast(event: ChunkEvent, request: AgentRequest): boolean {
  return event.last || isCutShort(event, request.connection.peer);
}

/**
 * Gives a chunk to the handler of its message's head: while that reads the body, and where the proxy went on without its
 * decision. `undefined` where it has decided, or where another handler takes chunks.
 */
function toReader(
  message: Message,
  piece: BodyPiece,
  announced: boolean,
  handled: boolean,
): Decision | Promise<Reply> | undefined {
  if (message.reader?.used === true) return message.reader.push(piece);
  const turns = message.host.begun;
  if (turns === undefined || (turns.settled && turns.delivered)) return undefined;
  // an allow that came too late was said without this chunk; whoever decides on chunks has to see it
  if (turns.settled) return handled && turns.allowed ? undefined : turns.wait();
  if (handled) return undefined;
  return announced ? message.openBody().push(piece) : turns.wait();
}

/** Where a proxy does not say so, a client can send a body that its head does not announce (HTTP/2), past whoever believed that. */
function unexpectedBody(): AgentwireError {
  return new AgentwireError('ERR_PROTOCOL', 'a body came for a message whose head announced none');
}

function lost(ambiguous: boolean): AgentwireError {
  const why = ambiguous ? 'several live requests have its id' : 'its request is not known, or no longer';
  return new AgentwireError(
    'ERR_INVALID_STATE',
    `a body chunk cannot be given to the handler that reads the body: ${why}`,
  );
}
