import {
  ALLOW,
  AgentwireError,
  type Clock,
  type CloseReason,
  type Decision,
  type Logger,
  type ProxyEvent,
} from '@agentwire/core';
import type { AgentRequest, AgentSession, ProxyNotice, SessionHandler } from '@agentwire/core/session';
import { type Message, RequestMessage, ResponseMessage } from '../body/message.ts';
import { CONTINUE, type Reply, type Turns } from '../body/turns.ts';
import { judgement } from '../decision/guardrail.ts';
import type { Agent } from '../define/agent.ts';
import type { AgentHandlers, GivenUpReason } from '../handler/agent-handlers.ts';
import { Admission } from './admission.ts';
import { withUnchangedData } from './conclude.ts';
import { Deadlines } from './deadlines.ts';
import { type ContextHost, EventContext } from './event-context.ts';
import { type OutcomeOptions, Outcomes } from './outcomes.ts';
import { isCutShort, isReleasedProxy } from './released-proxy.ts';
import { RequestScopes } from './request-scopes.ts';

type EventOf<T extends ProxyEvent['type']> = Extract<ProxyEvent, { type: T }>;
type ChunkEvent = EventOf<'requestBodyChunk' | 'responseBodyChunk'>;

/** Events between two that are measured while handlers decide at once; a power of two. */
const MEASURE_EVERY = 64;

/** Calls an agent's handlers for the events of all its connections. */
export class AgentRuntime implements SessionHandler, ContextHost {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly handlerTimeoutMs: number;
  readonly requestBody: boolean;
  readonly responseBody: boolean;
  readonly sessions: Set<AgentSession> = new Set<AgentSession>();
  readonly admission: Admission;
  readonly outcomes: Outcomes;
  readonly scopes: RequestScopes;
  readonly #handlers: AgentHandlers;
  readonly #deadlines: Deadlines;

  constructor(agent: Agent, options: OutcomeOptions) {
    this.clock = options.clock;
    this.logger = options.logger;
    this.#handlers = agent.handlers;
    this.requestBody = agent.requestBody;
    this.responseBody = agent.responseBody;
    this.handlerTimeoutMs = agent.limits.handlerTimeoutMs;
    this.admission = new Admission(agent.limits.maxConcurrentRequests, this.sessions, () => this.clock.wallNow());
    this.scopes = new RequestScopes(agent, this.clock);
    this.outcomes = new Outcomes(this.admission, options, this.handlerTimeoutMs, (event, request) =>
      this.scopes.over(event, request),
    );
    this.#deadlines = new Deadlines(this.clock, this.handlerTimeoutMs, (turns) => this.outcomes.expired(turns));
  }

  onEvent(event: ProxyEvent, request: AgentRequest): Decision | Promise<Reply> {
    const { counts, latencies } = this.outcomes;
    counts.events += 1;
    if (counts.events % MEASURE_EVERY !== 0) return this.#decide(event, request);
    const from = this.clock.now();
    const reply = this.#decide(event, request);
    if (!(reply instanceof Promise)) latencies.add(this.clock.now() - from);
    return reply;
  }

  #decide(event: ProxyEvent, request: AgentRequest): Decision | Promise<Reply> {
    try {
      return this.#dispatch(event, request);
    } catch (error) {
      return this.outcomes.failed(error);
    }
  }

  #dispatch(event: ProxyEvent, request: AgentRequest): Decision | Promise<Reply> {
    switch (event.type) {
      case 'requestHeaders':
        return this.#onRequestHeaders(event, request);
      case 'responseHeaders':
        return this.#onResponseHeaders(event, request);
      case 'requestBodyChunk':
        return this.#onChunk(event, request);
      case 'responseBodyChunk':
        return this.#onResponseChunk(event, request);
      case 'requestComplete':
        return this.#onRequestComplete(event, request);
      default:
        return this.#onOther(event, request);
    }
  }

  #onRequestHeaders(event: EventOf<'requestHeaders'>, request: AgentRequest): Decision | Promise<Reply> {
    const handler = this.#handlers.onRequestHeaders;
    const context = new EventContext(this, request, this.scopes.begin(request), false);
    const message = new RequestMessage(event, context);
    context.request = message;
    if (context.scope !== undefined) context.scope.request = message;
    if (handler === undefined) return this.#handlers.onRequestBodyChunk === undefined ? ALLOW : CONTINUE;
    this.outcomes.admit();
    return this.outcomes.settle(handler(message, context), context, event, 'onRequestHeaders');
  }

  #onResponseHeaders(event: EventOf<'responseHeaders'>, request: AgentRequest): Decision | Promise<Reply> {
    const handler = this.#handlers.onResponseHeaders;
    const context = this.#context(event, request);
    const message = new ResponseMessage(event, context, context.request?.method);
    if (context.scope !== undefined) context.scope.response = message;
    if (!this.responseBody || !message.hasBody) this.scopes.over(event, request);
    if (handler === undefined) return this.#handlers.onResponseBodyChunk === undefined ? ALLOW : CONTINUE;
    return this.outcomes.settle(handler(message, context), context, event, 'onResponseHeaders');
  }

  #onResponseChunk(event: EventOf<'responseBodyChunk'>, request: AgentRequest): Decision | Promise<Reply> {
    const reply = this.#onChunk(event, request);
    if (!request.connection.peer.limits.includes('response_body_mutation_required')) return reply;
    if (!(reply instanceof Promise)) return withUnchangedData(reply, event);
    return reply.then((decision) => decision && withUnchangedData(decision, event));
  }

  #onChunk(event: ChunkEvent, request: AgentRequest): Decision | Promise<Reply> {
    const context = this.#context(event, request);
    const truncated = isCutShort(event, request.connection.peer);
    const last = event.last || truncated;
    const isRequest = event.type === 'requestBodyChunk';
    if (last && !isRequest) this.scopes.over(event, request);
    const message = isRequest ? context.scope?.request : context.scope?.response;
    const reply = message && this.#toReader(message, { data: event.data, last, truncated });
    if (reply !== undefined) return reply;
    const name = isRequest ? 'onRequestBodyChunk' : 'onResponseBodyChunk';
    const handler = this.#handlers[name];
    if (handler === undefined) {
      if (message === undefined && (isRequest ? this.requestBody : this.responseBody)) throw lost(context.ambiguous);
      return ALLOW;
    }
    const chunk = { index: event.index, data: event.data, last, truncated, totalSize: event.totalSize };
    return this.outcomes.settle(handler(chunk, context), context, event, name);
  }

  /** Gives a chunk to the handler that reads the body, or still may; `undefined` where it has decided without. */
  #toReader(
    message: Message,
    piece: { data: Uint8Array; last: boolean; truncated: boolean },
  ): Decision | Promise<Reply> | undefined {
    if (message.reader?.used === true) return message.reader.push(piece);
    const turns = message.host.begun;
    if (turns === undefined || (turns.settled && turns.delivered)) return undefined;
    return turns.settled ? turns.wait() : message.openBody().push(piece);
  }

  #onRequestComplete(event: EventOf<'requestComplete'>, request: AgentRequest): Decision | Promise<Reply> {
    const handler = this.#handlers.onRequestComplete;
    const context = this.#context(event, request);
    this.scopes.over(event, request);
    if (handler === undefined) return ALLOW;
    const outcome = handler(event, context);
    if (!(outcome instanceof Promise)) return ALLOW;
    return this.outcomes.settle(
      outcome.then(() => ALLOW),
      context,
      event,
      'onRequestComplete',
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
      return this.outcomes.settle(onWebSocketFrame(event, context), context, event, 'onWebSocketFrame');
    }
    if (event.type === 'configure') {
      if (onConfigure === undefined) return ALLOW;
      const outcome = onConfigure(event, context);
      const accepted = outcome instanceof Promise ? outcome.then((decision) => decision ?? ALLOW) : (outcome ?? ALLOW);
      return this.outcomes.settle(accepted, context, event, 'onConfigure');
    }
    if (onGuardrail === undefined) return ALLOW;
    this.outcomes.admit();
    const outcome = onGuardrail(event, context);
    const judged = outcome instanceof Promise ? outcome.then(judgement) : judgement(outcome);
    return this.outcomes.settle(judged, context, event, 'onGuardrail');
  }

  #context(event: ProxyEvent, request: AgentRequest): EventContext {
    const { scope, ambiguous } = this.scopes.find(event, request);
    return new EventContext(this, request, scope, ambiguous);
  }

  watch(turns: Turns): void {
    this.#deadlines.watch(turns);
  }

  unwatch(turns: Turns): void {
    this.#deadlines.unwatch(turns);
  }

  overtaken(request: AgentRequest): boolean {
    return request.unanswered > 1 && isReleasedProxy(request.connection.peer);
  }

  onRequestEnd(request: AgentRequest): void {
    const scope = this.scopes.end(request);
    if (!request.cancelled) return;
    this.outcomes.counts.cancelled += 1;
    if (scope === undefined) return;
    const { onCancel } = this.#handlers;
    if (onCancel === undefined) return;
    const { detail } = request.signal.reason as AgentwireError;
    onCancel(
      (detail?.['reason'] as GivenUpReason | undefined) ?? 'unknown',
      new EventContext(this, request, scope, false),
    );
  }

  onNotice(notice: ProxyNotice): void {
    if (notice.type === 'drain') this.#handlers.onDrain?.(notice);
    else if (notice.type === 'shutdown') this.#handlers.onShutdown?.(notice);
  }

  onOpen(session: AgentSession): void {
    this.sessions.add(session);
    this.admission.greet(session);
  }

  onClose(_reason: CloseReason, session: AgentSession): void {
    this.sessions.delete(session);
  }

  /** Ends all timers and forgets all requests. */
  stop(): void {
    this.#deadlines.stop();
    this.scopes.clear();
  }
}

function lost(ambiguous: boolean): AgentwireError {
  const why = ambiguous ? 'several live requests have its id' : 'its request is not known, or no longer';
  return new AgentwireError(
    'ERR_INVALID_STATE',
    `a body chunk cannot be given to the handler that reads the body: ${why}`,
  );
}
