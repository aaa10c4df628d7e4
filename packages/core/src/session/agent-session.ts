import { type Clock, systemClock, type TimerHandle } from '../clock.ts';
import type { CloseReason, Connection, ConnectionHandler } from '../contract/connection.ts';
import { AgentwireError, toAgentwireError } from '../errors.ts';
import { type Logger, silentLogger } from '../logger.ts';
import type { ConfigUpdateResponse, Drain, Shutdown } from '../message/control.ts';
import { ALLOW, type Decision } from '../message/decision.ts';
import { isAnswered, type ProxyEvent, type RequestId } from '../message/events.ts';
import type { Message, Received } from '../message/message.ts';
import { checkInteger } from '../options.ts';
import { type AgentRequest, AgentRequestCore, type QueuedEvent } from './agent-request.ts';
import { failureDecision } from './failure.ts';
import { Keepalive, type KeepaliveOptions } from './keepalive.ts';
import { RequestTable } from './request-table.ts';

/** What a proxy says of its own accord. */
export type ProxyNotice = ConfigUpdateResponse | Drain | Shutdown;

/** Decides. What is called for one request is called in the order of its events, one after the other. */
export interface SessionHandler {
  /**
   * Decides on one event. What it gives for `requestComplete` is not sent. A throw or rejection becomes a failure answer,
   * never an allow. A promise of `undefined` gives no answer, which only a peer that no longer waits for one can take.
   */
  onEvent(event: ProxyEvent, request: AgentRequest): Decision | Promise<Decision | undefined>;
  /** A request is over for good: cancelled, completed, or its place was needed. */
  onRequestEnd?(request: AgentRequest): void;
  onNotice?(notice: ProxyNotice, session: AgentSession): void;
  onOpen?(session: AgentSession): void;
  onClose?(reason: CloseReason, session: AgentSession): void;
}

/** Options of an {@link AgentSession}. */
export interface AgentSessionOptions {
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** Requests that may be worked on at once; default 1 024. Past it the answer is `ERR_OVERLOADED`. */
  readonly maxInFlight?: number;
  /** Events of one request that may wait; default 1 024. Past it the connection ends with `ERR_OVERLOADED`. */
  readonly maxQueuedPerRequest?: number;
  /** Requests kept for later events; default 10 000. Past it the oldest idle one is forgotten. */
  readonly maxRetained?: number;
  /** How long a request is kept without an event, in milliseconds; default 60 000. */
  readonly requestStateTtlMs?: number;
  /** When to ping a silent proxy; `false` never does, and the zentinel dialect never does. */
  readonly keepalive?: KeepaliveOptions | false;
}

/** Counts since the session began. */
export interface AgentSessionStats {
  /** Events that came. */
  readonly events: number;
  readonly answers: number;
  /** Answers that said that the agent could not decide. */
  readonly failures: number;
  readonly cancelled: number;
  readonly malformed: number;
}

/** The agent's end of one connection: hands events to a handler and sends its answers in their order. */
export interface AgentSession extends AsyncDisposable {
  readonly connection: Connection;
  /** Requests that are being worked on. */
  readonly inFlight: number;
  readonly stats: AgentSessionStats;
  /** Sends a report, a log line or a drain, where the proxy understands it. @returns whether it was sent. */
  notify(message: Message): boolean;
  /** Resolves when no request is being worked on. */
  whenIdle(): Promise<void>;
  /**
   * Tells the proxy to send nothing new, answers what it had sent before it heard of that, and closes once idle or after
   * `timeoutMs` (default 30 000).
   */
  drain(options?: { readonly timeoutMs?: number }): Promise<void>;
  /** Ends the connection after what is buffered. */
  close(): Promise<void>;
}

/** How long a drain waits for a proxy's sign that it has heard of it, in milliseconds. */
const CATCH_UP_MS = 5_000;
/** Body bytes that may wait behind running handlers on one connection. */
const MAX_QUEUED_BYTES = 32 * 1024 * 1024;
const DEFAULTS = { maxInFlight: 1024, maxQueuedPerRequest: 1024, maxRetained: 10_000, requestStateTtlMs: 60_000 };

function bytesOf(event: QueuedEvent): number {
  return event.type === 'requestBodyChunk' || event.type === 'responseBodyChunk' ? event.data.byteLength : 0;
}

function resolveLimits(options: AgentSessionOptions): typeof DEFAULTS {
  const limit = (name: keyof typeof DEFAULTS, max: number): number =>
    checkInteger(name, options[name] ?? DEFAULTS[name], 1, max);
  return {
    maxInFlight: limit('maxInFlight', 10_000_000),
    maxQueuedPerRequest: limit('maxQueuedPerRequest', 10_000_000),
    maxRetained: limit('maxRetained', 10_000_000),
    requestStateTtlMs: limit('requestStateTtlMs', 86_400_000),
  };
}

/** The one implementation of {@link AgentSession}; also the handler of its connection. */
export class AgentSessionCore implements AgentSession, ConnectionHandler {
  readonly connection: Connection;
  readonly stats = { events: 0, answers: 0, failures: 0, cancelled: 0, malformed: 0 };
  readonly clock: Clock;
  inFlight = 0;
  readonly #handler: SessionHandler;
  readonly #logger: Logger;
  readonly #limits: typeof DEFAULTS;
  readonly #table: RequestTable;
  readonly #keepalive: Keepalive | undefined;
  readonly #closed: PromiseWithResolvers<void> = Promise.withResolvers<void>();
  #caughtUp: PromiseWithResolvers<void> = Promise.withResolvers<void>();
  #awaitedPong = 0;
  #whenIdle: (() => void)[] = [];
  #forgetTimer: TimerHandle;
  #forgetting = false;
  #sequence = 0;
  #queuedBytes = 0;

  constructor(connection: Connection, handler: SessionHandler, options: AgentSessionOptions) {
    this.connection = connection;
    this.clock = options.clock ?? systemClock;
    this.#handler = handler;
    this.#logger = options.logger ?? silentLogger;
    this.#limits = resolveLimits(options);
    this.#table = new RequestTable(connection.peer.features.includes('slot_ids'), this.#limits.maxRetained);
    if (options.keepalive !== false && connection.peer.dialect !== 'zentinel') {
      const subject = { connection, clock: this.clock, sendPing: () => this.#sendPing(), patienceMs: () => 0 };
      this.#keepalive = new Keepalive(subject, options.keepalive ?? {});
    }
  }

  onMessage(message: Received): void {
    switch (message.type) {
      case 'requestHeaders':
      case 'requestBodyChunk':
      case 'responseHeaders':
      case 'responseBodyChunk':
      case 'requestComplete':
      case 'webSocketFrame':
      case 'guardrailInspect':
      case 'configure':
        this.stats.events += 1;
        return this.#onEvent(message, message.id);
      case 'malformed':
        return this.#onMalformed(message);
      case 'cancel':
        return this.#onCancel(message.id, message.reason);
      case 'cancelAll':
        for (const request of this.#table.values()) this.#onCancel(request.id, 'manual');
        return;
      case 'ping':
        this.notify({ type: 'pong', sequence: message.sequence, timestampMs: message.timestampMs });
        return;
      case 'pong':
        if (message.sequence === this.#awaitedPong) this.#caughtUp.resolve();
        return;
      case 'drain':
      case 'shutdown':
      case 'configUpdateResponse':
        return this.#handler.onNotice?.(message, this);
      default:
        throw new AgentwireError('ERR_PROTOCOL', `a proxy may not send ${message.type}`);
    }
  }

  #onMalformed(message: Extract<Received, { type: 'malformed' }>): void {
    this.stats.malformed += 1;
    this.#logger.warn(
      { connection: this.connection.id, of: message.of, code: message.error.code },
      'undecodable message from a proxy',
    );
    if (message.id === undefined || message.of === 'cancel' || message.of === 'requestComplete') return;
    this.#onEvent(message, message.id);
  }

  #onEvent(event: QueuedEvent, id: RequestId): void {
    let request = this.#table.get(id);
    if (request === undefined) request = this.#meet(id);
    else if (event.type === 'requestHeaders' && request.unanswered === 0) request = this.#begin(id);
    if (request.running) this.#enqueue(request, event);
    else this.#run(request, event);
  }

  /** A request that the table does not have; without slots it gets there only when it is not answered at once. */
  #meet(id: RequestId): AgentRequestCore {
    return this.#table.hasSlots ? this.#begin(id) : new AgentRequestCore(id, this.connection);
  }

  #begin(id: RequestId): AgentRequestCore {
    const request = new AgentRequestCore(id, this.connection);
    this.#list(request);
    return request;
  }

  #list(request: AgentRequestCore): void {
    if (request.listed) return;
    request.listed = true;
    // its handler has ended the connection while it was not in the table
    if (this.connection.status === 'closed') return this.#giveUp(request);
    const before = this.#table.add(request);
    if (before !== undefined) this.#drop(before);
  }

  #enqueue(request: AgentRequestCore, event: QueuedEvent): void {
    const queue = (request.queue ??= []);
    const bytes = this.#queuedBytes + bytesOf(event);
    if (queue.length >= this.#limits.maxQueuedPerRequest || bytes > MAX_QUEUED_BYTES) {
      // dropping one would shift every later answer of this request by one, so nothing less than the end is right
      const why = `${queue.length} events of one request and ${this.#queuedBytes} bytes wait on ${this.connection.id}`;
      throw new AgentwireError('ERR_OVERLOADED', why);
    }
    this.#queuedBytes = bytes;
    queue.push(event);
  }

  #run(request: AgentRequestCore, event: QueuedEvent): void {
    let outcome: Decision | Promise<Decision | undefined>;
    if (event.type === 'malformed') outcome = this.#fail(event.error);
    else if (this.inFlight >= this.#limits.maxInFlight) outcome = this.#fail(this.#overloaded());
    else {
      try {
        outcome = this.#handler.onEvent(event, request);
      } catch (error) {
        outcome = this.#fail(error);
      }
    }
    if (!(outcome instanceof Promise)) {
      this.#answer(request, event, outcome);
      return;
    }
    this.#list(request);
    request.running = true;
    this.inFlight += 1;
    outcome.then(
      (decision) => this.#finish(request, event, decision),
      (error: unknown) => this.#finish(request, event, request.cancelled ? undefined : this.#fail(error)),
    );
  }

  #overloaded(): AgentwireError {
    return new AgentwireError('ERR_OVERLOADED', `${this.#limits.maxInFlight} requests are being worked on`);
  }

  /** An async handler is done: answers, then takes the request's next events. */
  #finish(request: AgentRequestCore, event: QueuedEvent, decision: Decision | undefined): void {
    request.running = false;
    this.inFlight -= 1;
    try {
      if (decision !== undefined) this.#answer(request, event, decision);
      else if (!request.cancelled && !request.retain && request.unanswered === 0) this.#end(request);
      this.#takeNext(request);
    } catch (error) {
      // nobody above this call could catch it
      this.connection.abort(toAgentwireError(error, 'ERR_HANDLER'));
    }
    if (this.inFlight === 0 && this.#whenIdle.length > 0) {
      const waiting = this.#whenIdle;
      this.#whenIdle = [];
      for (const done of waiting) done();
    }
  }

  #takeNext(from: AgentRequestCore): void {
    let request = from;
    while (!request.running) {
      const event = request.queue?.shift();
      if (event === undefined) return;
      this.#queuedBytes -= bytesOf(event);
      if (event.type === 'requestHeaders') request = this.#succeed(request);
      this.#run(request, event);
    }
  }

  /** A second head with a live id begins a fresh request; what waits behind it is its own. */
  #succeed(before: AgentRequestCore): AgentRequestCore {
    const queue = before.queue;
    before.queue = undefined;
    const request = this.#begin(before.id);
    request.queue = queue;
    return request;
  }

  #answer(request: AgentRequestCore, event: QueuedEvent, decision: Decision): void {
    if (event.type === 'requestComplete') return this.#complete(request);
    if (request.cancelled) return;
    if (this.connection.status === 'closed') return this.#list(request);
    if (event.type === 'malformed' || isAnswered(event.type)) this.#send(request, decision);
    if (request.queue !== undefined && request.queue.length > 0) return;
    if (request.retain) this.#touch(request);
    else if (decision.needsMore !== true) this.#end(request);
    else this.#touch(request);
  }

  /** A client of the zentinel dialect waits for an answer to this event as to every other. */
  #complete(request: AgentRequestCore): void {
    if (this.connection.peer.dialect === 'zentinel' && !request.cancelled) this.#send(request, ALLOW);
    this.#end(request);
  }

  #send(request: AgentRequestCore, decision: Decision): void {
    if (this.connection.status !== 'open') return;
    try {
      this.connection.send({ type: 'answer', id: request.id, decision });
    } catch (error) {
      // the decision cannot be sent (a bad header, too long): the proxy must learn that, and never wait for nothing
      this.#sendFailure(request, error);
    }
    this.stats.answers += 1;
  }

  #sendFailure(request: AgentRequestCore, error: unknown): void {
    try {
      this.connection.send({ type: 'answer', id: request.id, decision: this.#fail(error) });
    } catch (second) {
      this.connection.abort(toAgentwireError(second, 'ERR_CLOSED'));
    }
  }

  #fail(error: unknown): Decision {
    this.stats.failures += 1;
    const known = error instanceof AgentwireError;
    this.#logger.error({ connection: this.connection.id, err: error }, 'an event could not be decided');
    // what a handler throws may hold anything, a body too: only our own words go out
    return failureDecision(
      known ? error : new AgentwireError('ERR_HANDLER', "the agent's handler failed"),
      this.connection.peer,
    );
  }

  #touch(request: AgentRequestCore): void {
    this.#list(request);
    request.touchedAt = this.clock.now();
    if (!this.#forgetting && this.#table.ages) this.#forgetLater();
  }

  #forgetLater(): void {
    this.#forgetting = true;
    const ttlMs = this.#limits.requestStateTtlMs;
    this.#forgetTimer = this.clock.setTimeout(() => {
      this.#forgetting = false;
      for (const idle of this.#table.removeIdleSince(this.clock.now() - ttlMs)) this.#drop(idle);
      // what was touched meanwhile ages too, also when no event comes any more
      if (!this.#forgetting && this.#table.ages) this.#forgetLater();
    }, ttlMs);
  }

  #end(request: AgentRequestCore): void {
    if (request.listed) this.#table.remove(request);
    this.#tellEnd(request);
  }

  /** Once for each request; a throw must not keep others from their ends. */
  #tellEnd(request: AgentRequestCore): void {
    if (request.ended) return;
    request.ended = true;
    try {
      this.#handler.onRequestEnd?.(request);
    } catch (error) {
      this.#logger.error({ connection: this.connection.id, err: error }, 'onRequestEnd threw');
    }
  }

  /** A request's place is taken: its work, if there is any, is for nobody. */
  #drop(request: AgentRequestCore): void {
    for (const event of request.queue ?? []) this.#queuedBytes -= bytesOf(event);
    if (request.unanswered > 0) request.cancel(undefined);
    this.#tellEnd(request);
  }

  /** Its connection has ended. */
  #giveUp(request: AgentRequestCore): void {
    request.cancel('connection_closed');
    this.#tellEnd(request);
  }

  #onCancel(id: RequestId, reason: Parameters<AgentRequestCore['cancel']>[0]): void {
    const request = this.#table.get(id);
    if (request === undefined) return;
    this.stats.cancelled += 1;
    for (const event of request.queue ?? []) this.#queuedBytes -= bytesOf(event);
    request.cancel(reason);
    this.#end(request);
  }

  #sendPing(): boolean {
    this.#sequence += 1;
    return this.notify({ type: 'ping', sequence: this.#sequence, timestampMs: this.clock.wallNow() });
  }

  notify(message: Message): boolean {
    if (this.connection.status !== 'open' || !this.connection.peer.accepts.has(message.type)) return false;
    this.connection.send(message);
    return true;
  }

  whenIdle(): Promise<void> {
    if (this.inFlight === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#whenIdle.push(resolve);
    });
  }

  async drain(options?: { readonly timeoutMs?: number }): Promise<void> {
    const timeoutMs = checkInteger('timeoutMs', Math.round(options?.timeoutMs ?? 30_000), 0, 86_400_000);
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = this.clock.setTimeout(resolve, timeoutMs);
    const idle = this.#catchUp(timeoutMs).then(() => this.whenIdle());
    await Promise.race([idle, this.#closed.promise, promise]);
    this.clock.clearTimeout(timer);
    for (const request of this.#table.values()) request.cancel('drain_timeout');
    await this.close();
  }

  /**
   * Tells the proxy of the drain and waits until everything is here that it had sent before it heard of it: its pong comes
   * behind that. Whatever is still on the way when the connection closes would fail there with nobody at fault.
   */
  async #catchUp(timeoutMs: number): Promise<void> {
    if (this.connection.status !== 'open') return;
    try {
      this.notify({ type: 'drain', durationMs: timeoutMs });
      // a proxy of the zentinel dialect ignores pings and knows no drain
      if (this.connection.peer.dialect === 'zentinel' || !this.#sendPing()) return;
    } catch (error) {
      this.#logger.warn({ connection: this.connection.id, err: error }, 'the proxy could not be told of a drain');
      return;
    }
    this.#awaitedPong = this.#sequence;
    this.#caughtUp = Promise.withResolvers<void>();
    const timer = this.clock.setTimeout(this.#caughtUp.resolve, Math.min(timeoutMs, CATCH_UP_MS));
    await Promise.race([this.#caughtUp.promise, this.#closed.promise]);
    this.clock.clearTimeout(timer);
  }

  close(): Promise<void> {
    return this.connection.close();
  }

  onClose(reason: CloseReason): void {
    this.#closed.resolve();
    this.clock.clearTimeout(this.#forgetTimer);
    this.#forgetting = true;
    this.#keepalive?.stop();
    for (const request of this.#table.values()) this.#giveUp(request);
    this.#table.clear();
    this.#handler.onClose?.(reason, this);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
