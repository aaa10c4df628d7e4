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
import { guardrailDecision } from '../decision/guardrail.ts';
import type { Agent } from '../define/agent.ts';
import type { AgentHandlers, GivenUpReason, Outcome } from '../handler/agent-handlers.ts';
import { Admission } from './admission.ts';
import { BODY_TOO_LARGE, checkDecision, placeMutation, withUnchangedData } from './conclude.ts';
import { Deadlines } from './deadlines.ts';
import { type ContextHost, EventContext, RequestScope } from './event-context.ts';
import { Latencies } from './latencies.ts';
import { type ChallengeFallback, PeerLimits } from './peer-limits.ts';
import { isCutShort, isReleasedProxy } from './released-proxy.ts';
import { RequestScopes } from './request-scopes.ts';

type EventOf<T extends ProxyEvent['type']> = Extract<ProxyEvent, { type: T }>;
type ChunkEvent = EventOf<'requestBodyChunk' | 'responseBodyChunk'>;

/** What a runtime needs besides its agent. */
export interface RuntimeOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly challengeFallback: ChallengeFallback;
}

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
  readonly latencies: Latencies = new Latencies();
  readonly admission: Admission;
  readonly scopes: RequestScopes;
  readonly counts = { events: 0, allow: 0, block: 0, redirect: 0, challenge: 0, failures: 0, overloaded: 0, timeouts: 0, cancelled: 0 };
  readonly #handlers: AgentHandlers;
  readonly #deadlines: Deadlines;
  readonly #limits: PeerLimits;

  constructor(agent: Agent, options: RuntimeOptions) {
    this.clock = options.clock;
    this.logger = options.logger;
    this.#handlers = agent.handlers;
    this.requestBody = agent.requestBody;
    this.responseBody = agent.responseBody;
    this.handlerTimeoutMs = agent.limits.handlerTimeoutMs;
    this.admission = new Admission(agent.limits.maxConcurrentRequests, this.sessions, () => this.clock.wallNow());
    this.scopes = new RequestScopes(agent, this.clock);
    this.#limits = new PeerLimits(options.logger, options.challengeFallback);
    this.#deadlines = new Deadlines(this.clock, this.handlerTimeoutMs, (turns) => {
      this.counts.timeouts += 1;
      this.#uncount(turns);
    });
  }

  onEvent(event: ProxyEvent, request: AgentRequest): Decision | Promise<Reply> {
    this.counts.events += 1;
    if (this.counts.events % MEASURE_EVERY !== 0) return this.#decide(event, request);
    const from = this.clock.now();
    const reply = this.#decide(event, request);
    if (!(reply instanceof Promise)) this.latencies.add(this.clock.now() - from);
    return reply;
  }

  #decide(event: ProxyEvent, request: AgentRequest): Decision | Promise<Reply> {
    try {
      return this.#dispatch(event, request);
    } catch (error) {
      const decision = this.#failed(error);
      if (decision === undefined) throw error;
      return decision;
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
    this.#admit();
    return this.#settle(handler(message, context), context, event, 'onRequestHeaders');
  }

  #onResponseHeaders(event: EventOf<'responseHeaders'>, request: AgentRequest): Decision | Promise<Reply> {
    const handler = this.#handlers.onResponseHeaders;
    const context = this.#context(event, request);
    const message = new ResponseMessage(event, context, context.request?.method);
    if (context.scope !== undefined) context.scope.response = message;
    if (!this.responseBody || !message.hasBody) this.scopes.over(event, request);
    if (handler === undefined) return this.#handlers.onResponseBodyChunk === undefined ? ALLOW : CONTINUE;
    return this.#settle(handler(message, context), context, event, 'onResponseHeaders');
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
    return this.#settle(handler(chunk, context), context, event, name);
  }

  /** Gives a chunk to the handler that reads the body, or still may; `undefined` where it has decided without. */
  #toReader(message: Message, piece: { data: Uint8Array; last: boolean; truncated: boolean }): Decision | Promise<Reply> | undefined {
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
    return this.#settle(outcome.then(() => ALLOW), context, event, 'onRequestComplete');
  }

  #onOther(event: EventOf<'webSocketFrame' | 'guardrailInspect' | 'configure'>, request: AgentRequest): Decision | Promise<Reply> {
    const context = this.#context(event, request);
    const { onWebSocketFrame, onGuardrail, onConfigure } = this.#handlers;
    if (event.type === 'webSocketFrame') {
      if (onWebSocketFrame === undefined) return ALLOW;
      return this.#settle(onWebSocketFrame(event, context), context, event, 'onWebSocketFrame');
    }
    if (event.type === 'configure') {
      if (onConfigure === undefined) return ALLOW;
      const outcome = onConfigure(event, context);
      const accepted = outcome instanceof Promise ? outcome.then((decision) => decision ?? ALLOW) : (outcome ?? ALLOW);
      return this.#settle(accepted, context, event, 'onConfigure');
    }
    if (onGuardrail === undefined) return ALLOW;
    this.#admit();
    const outcome = onGuardrail(event, context);
    const judged = outcome instanceof Promise ? outcome.then(asDecision) : asDecision(outcome);
    return this.#settle(judged, context, event, 'onGuardrail');
  }

  #context(event: ProxyEvent, request: AgentRequest): EventContext {
    const { scope, ambiguous } = this.scopes.find(event, request);
    return new EventContext(this, request, scope, ambiguous);
  }

  #admit(): void {
    try {
      this.admission.check();
    } catch (error) {
      this.counts.overloaded += 1;
      throw error;
    }
  }

  /** Makes the reply of what a handler gave; one that is there at once is not made to wait. */
  #settle(outcome: Outcome<Decision>, context: EventContext, event: ProxyEvent, handler: string): Decision | Promise<Reply> {
    if (outcome instanceof Promise) return this.#follow(outcome, context, event, handler);
    const decision = this.#conclude(outcome, context, event, handler);
    context.begun?.settle(decision, true);
    return decision;
  }

  #follow(outcome: Promise<Decision>, context: EventContext, event: ProxyEvent, handler: string): Decision | Promise<Reply> {
    const { turns } = context;
    turns.counted = true;
    this.admission.begin();
    outcome
      .then((decision) => turns.settle(this.#conclude(decision, context, event, handler)))
      .catch((error: unknown) => this.#fail(turns, error))
      .finally(() => this.#uncount(turns))
      .catch((error: unknown) => this.logger.error({ err: error }, 'a decision could not be handed over'));
    return turns.head();
  }

  #fail(turns: Turns, error: unknown): void {
    const waits = turns.waits;
    const decision = this.#failed(error);
    if (decision === undefined) turns.fail(error);
    else turns.settle(decision);
    if (!waits) this.logger.warn({ err: error }, 'a handler failed while no event waited for it');
  }

  /** Counts a failure. @returns the decision for a body that is too long, nothing for any other */
  #failed(error: unknown): Decision | undefined {
    this.counts.failures += 1;
    return error instanceof AgentwireError && error.code === 'ERR_BODY_TOO_LARGE' ? BODY_TOO_LARGE : undefined;
  }

  #uncount(turns: Turns): void {
    if (!turns.counted) return;
    turns.counted = false;
    this.admission.end();
    if (turns.deadlineAt > 0) this.latencies.add(this.clock.now() - turns.deadlineAt + this.handlerTimeoutMs);
  }

  #conclude(outcome: Decision, context: EventContext, event: ProxyEvent, handler: string): Decision {
    let decision = checkDecision(handler, outcome);
    const { type } = event;
    if (type !== 'requestHeaders' && type !== 'responseHeaders') decision = placeMutation(decision, event);
    const { peer } = context;
    if (peer.limits.length > 0) decision = this.#limits.adapt(decision, type, peer);
    this.counts[decision.verdict.type] += 1;
    return decision;
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
    this.counts.cancelled += 1;
    if (scope === undefined) return;
    const { onCancel } = this.#handlers;
    if (onCancel === undefined) return;
    const { detail } = request.signal.reason as AgentwireError;
    onCancel((detail?.['reason'] as GivenUpReason | undefined) ?? 'unknown', new EventContext(this, request, scope, false));
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

function asDecision(outcome: Parameters<typeof guardrailDecision>[0] | Decision): Decision {
  return typeof outcome === 'object' && outcome !== null && 'detected' in outcome ? guardrailDecision(outcome) : (outcome as Decision);
}

function lost(ambiguous: boolean): AgentwireError {
  const why = ambiguous ? 'several live requests have its id' : 'its request is not known, or no longer';
  return new AgentwireError('ERR_INVALID_STATE', `a body chunk cannot be given to the handler that reads the body: ${why}`);
}
