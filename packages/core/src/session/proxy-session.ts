import { type Clock, systemClock, type TimerHandle } from '../clock.ts';
import type { CloseReason, Connection, ConnectionHandler } from '../contract/connection.ts';
import { AgentwireError } from '../errors.ts';
import { checkInteger, checkNumber } from '../options.ts';
import { type Logger, silentLogger } from '../logger.ts';
import type {
  CancelReason,
  ConfigUpdateRequest,
  Drain,
  FlowControl,
  HealthStatus,
  LogMessage,
  MetricsReport,
  Shutdown,
} from '../message/control.ts';
import type { Decision } from '../message/decision.ts';
import type { RequestId } from '../message/events.ts';
import type { Message, MessageType, Received } from '../message/message.ts';
import {
  type AskOptions,
  type Completion,
  type EventBody,
  type Exchange,
  type ExchangeHost,
  ExchangeSlot,
} from './exchange.ts';
import { errorOfDecision } from './failure.ts';
import { Keepalive, type KeepaliveOptions } from './keepalive.ts';
import { RequestIds, SLOT_COUNT, slotOf } from './request-ids.ts';

/** What an agent says of its own accord. */
export type AgentNotice =
  HealthStatus | MetricsReport | ConfigUpdateRequest | FlowControl | LogMessage | Drain | Shutdown;

/** Options of a {@link ProxySession}. */
export interface ProxySessionOptions {
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** How long an answer may take where the question does not say, in milliseconds; default 30 000. */
  readonly requestTimeoutMs?: number;
  /** Exchanges at a time, 1 to 65 536; default 1 024. Past it `open` throws `ERR_OVERLOADED`. */
  readonly maxInFlight?: number;
  /** When to ping a silent agent; `false` never does. */
  readonly keepalive?: KeepaliveOptions | false;
  /** Told of everything that is not an answer. Must not throw. */
  readonly onNotice?: (notice: AgentNotice, session: ProxySession) => void;
  /**
   * Told of the one outcome of each question, and how long it took in milliseconds; for measuring without a promise more.
   * Must not throw.
   */
  readonly onOutcome?: (exchange: Exchange, outcome: Decision | AgentwireError, durationMs: number) => void;
  /** Told once when the connection is over, after every question has been rejected. */
  readonly onClose?: (reason: CloseReason, session: ProxySession) => void;
}

/** Counts since the session began. */
export interface ProxySessionStats {
  readonly answers: number;
  /** Answers whose question was given up before. */
  readonly lateAnswers: number;
  readonly timeouts: number;
  /** Frames whose content could not be decoded. */
  readonly malformed: number;
}

/** The proxy's end of one connection: asks, and keeps every question to exactly one outcome. */
export interface ProxySession extends AsyncDisposable {
  readonly connection: Connection;
  /** Exchanges that hold an id. */
  readonly inFlight: number;
  /** Questions without an answer. */
  readonly pending: number;
  /** Whether the agent or this side refuses new exchanges. */
  readonly draining: boolean;
  /** Whether the agent asked for a pause. Asking is still possible; whether to is the pool's policy. */
  readonly paused: boolean;
  readonly stats: ProxySessionStats;
  /** Takes an id for a new request. @throws AgentwireError `ERR_CLOSED`, `ERR_DRAINING`, `ERR_OVERLOADED`. */
  open(): Exchange;
  /** One event, one decision, and the exchange is over. */
  request(event: EventBody, options?: AskOptions): Promise<Decision>;
  /** Gives every exchange up. */
  cancelAll(reason?: CancelReason): void;
  /** Resolves to the round trip in milliseconds. @throws AgentwireError `ERR_TIMEOUT`, `ERR_CLOSED`. */
  ping(options?: { readonly timeoutMs?: number }): Promise<number>;
  /** Sends a message that is no question, where the agent understands it. @returns whether it was sent. */
  notify(message: Message): boolean;
  /** Refuses new exchanges, waits for the open ones (30 s at most unless said otherwise), then closes. */
  drain(options?: { readonly timeoutMs?: number }): Promise<void>;
  /** Ends the connection after what is buffered; unanswered questions reject. */
  close(): Promise<void>;
}

const DAY_MS = 86_400_000;
/** How often deadlines are looked at, in milliseconds: an answer is given up at most this much late. */
const SWEEP_MS = 20;
/** How long a drain waits where nothing else is said, in milliseconds. */
export const DEFAULT_DRAIN_TIMEOUT_MS: number = 30_000;

interface PingWaiter {
  readonly sentAt: number;
  readonly resolve: (roundTripMs: number) => void;
  readonly reject: (error: AgentwireError) => void;
  readonly timer: TimerHandle;
}

/** The one implementation of {@link ProxySession}; also the handler of its connection. */
export class ProxySessionCore implements ProxySession, ConnectionHandler, ExchangeHost {
  readonly connection: Connection;
  readonly clock: Clock;
  readonly requestTimeoutMs: number;
  readonly serial: boolean;
  readonly stats = { answers: 0, lateAnswers: 0, timeouts: 0, malformed: 0 };
  closedError: AgentwireError | undefined;
  draining = false;
  paused = false;
  writable = true;
  inFlight = 0;
  pending = 0;
  readonly #options: ProxySessionOptions;
  readonly #onOutcome: ProxySessionOptions['onOutcome'];
  readonly #logger: Logger;
  readonly #ids: RequestIds;
  readonly #slots: (ExchangeSlot | undefined)[] = [];
  readonly #free: number[] = [];
  readonly #maxInFlight: number;
  readonly #pings = new Map<number, PingWaiter>();
  readonly #waitingForRoom = new Set<ExchangeSlot>();
  readonly #keepalive: Keepalive | undefined;
  #whenEmpty: (() => void)[] = [];
  #generation = 0;
  #sequence = 0;
  #sweep: TimerHandle;
  #sweeping = false;

  constructor(connection: Connection, options: ProxySessionOptions) {
    this.connection = connection;
    this.clock = options.clock ?? systemClock;
    this.requestTimeoutMs = checkNumber('requestTimeoutMs', options.requestTimeoutMs ?? 30_000, 0, DAY_MS);
    this.serial = connection.peer.dialect === 'zentinel';
    this.#options = options;
    this.#onOutcome = options.onOutcome;
    this.#logger = options.logger ?? silentLogger;
    this.#ids = new RequestIds(connection.peer.ids);
    this.#maxInFlight = checkInteger('maxInFlight', options.maxInFlight ?? 1024, 1, SLOT_COUNT);
    if (options.keepalive !== false) {
      const subject = {
        connection,
        clock: this.clock,
        sendPing: () => this.#sendPing(),
        patienceMs: () => this.#patienceMs(),
      };
      this.#keepalive = new Keepalive(subject, options.keepalive ?? {});
    }
  }

  now(): number {
    return this.clock.now();
  }

  open(): Exchange {
    return this.#open();
  }

  #open(): ExchangeSlot {
    if (this.closedError !== undefined) throw this.closedError;
    if (this.draining) throw new AgentwireError('ERR_DRAINING', `${this.connection.peer.name} takes no new requests`);
    const slot = this.#free.pop() ?? this.#newSlot();
    this.inFlight += 1;
    this.#generation += 1;
    const exchange = new ExchangeSlot(this, slot, this.#ids.mint(this.#generation, slot));
    this.#slots[slot] = exchange;
    return exchange;
  }

  #newSlot(): number {
    if (this.#slots.length < this.#maxInFlight) return this.#slots.push(undefined) - 1;
    throw new AgentwireError('ERR_OVERLOADED', `${this.#maxInFlight} requests are in flight on ${this.connection.id}`);
  }

  request(event: EventBody, options?: AskOptions): Promise<Decision> {
    let exchange: ExchangeSlot;
    try {
      exchange = this.#open();
    } catch (error) {
      return Promise.reject(error);
    }
    return exchange.question(event, options, true);
  }

  release(exchange: ExchangeSlot): void {
    if (this.#slots[exchange.slot] !== exchange) return;
    this.#slots[exchange.slot] = undefined;
    this.#free.push(exchange.slot);
    this.inFlight -= 1;
    if (this.#waitingForRoom.size > 0) this.#waitingForRoom.delete(exchange);
    if (this.inFlight === 0 && this.#whenEmpty.length > 0) {
      const waiting = this.#whenEmpty;
      this.#whenEmpty = [];
      for (const done of waiting) done();
    }
  }

  sendEvent(event: EventBody, id: RequestId): void {
    this.writable = this.connection.send({ ...event, id });
  }

  sendCancel(id: RequestId, reason: CancelReason): void {
    try {
      this.notify({ type: 'cancel', id, reason, timestampMs: this.clock.wallNow() });
    } catch (error) {
      // whoever gives up must end, whether the agent hears of it or not
      this.#logger.warn({ connection: this.connection.id, err: error }, 'a cancel could not be sent');
    }
  }

  sendComplete(id: RequestId, summary: Completion): void {
    try {
      this.notify({ type: 'requestComplete', id, ...summary });
    } catch (error) {
      if (!(error instanceof AgentwireError) || error.code !== 'ERR_OVERLOADED') throw error;
      // nobody could do anything about it: the agent is so far behind that it goes without
      this.#logger.warn({ connection: this.connection.id, code: error.code }, 'a request complete could not be sent');
    }
  }

  notify(message: Message): boolean {
    const { connection } = this;
    if (connection.status !== 'open' || !connection.peer.accepts.has(message.type)) return false;
    this.writable = connection.send(message);
    return true;
  }

  pendingChanged(by: 1 | -1): void {
    this.pending += by;
    if (!this.#sweeping && by === 1) this.#startSweep();
  }

  #startSweep(): void {
    this.#sweeping = true;
    this.#sweep = this.clock.setTimeout(() => {
      this.#sweeping = false;
      this.#giveUpOverdue();
      if (this.pending > 0 && !this.#sweeping) this.#startSweep();
    }, SWEEP_MS);
  }

  #giveUpOverdue(): void {
    const now = this.clock.now();
    for (const exchange of this.#slots) {
      if (exchange === undefined || !exchange.isOverdue(now)) continue;
      this.stats.timeouts += 1;
      exchange.fail(
        new AgentwireError('ERR_TIMEOUT', `${this.connection.peer.name} gave no answer in time`),
        'timeout',
      );
    }
  }

  settled(exchange: ExchangeSlot, startedAt: number, outcome: Decision | AgentwireError): void {
    if (this.#onOutcome === undefined) return;
    try {
      this.#onOutcome(exchange, outcome, this.clock.now() - startedAt);
    } catch (error) {
      // this runs in the middle of other questions' outcomes and in timers, which must not suffer from it
      this.#logger.error({ connection: this.connection.id, err: error }, 'onOutcome threw');
    }
  }

  awaitRoom(exchange: ExchangeSlot): void {
    this.#waitingForRoom.add(exchange);
  }

  onDrain(): void {
    this.writable = true;
    for (const exchange of this.#waitingForRoom) {
      if (!this.writable) return;
      this.#waitingForRoom.delete(exchange);
      exchange.pump();
    }
  }

  #find(id: RequestId): ExchangeSlot | undefined {
    const exchange = this.#slots[slotOf(id)];
    return exchange?.id === id ? exchange : undefined;
  }

  onMessage(message: Received): void {
    switch (message.type) {
      case 'answer':
        return this.#onAnswer(message.id, message.decision);
      case 'malformed':
        return this.#onMalformed(message.of, message.id, message.error);
      case 'bodyMutation':
        return this.#count(this.#find(message.id)?.settleMutation(message.index, message.data));
      case 'ping':
        this.notify({ type: 'pong', sequence: message.sequence, timestampMs: message.timestampMs });
        return;
      case 'pong':
        return this.#onPong(message.sequence);
      case 'drain':
      case 'shutdown':
        this.draining = true;
        return this.#options.onNotice?.(message, this);
      case 'flowControl':
        if (message.id === undefined && message.action !== 'updateCapacity') this.paused = message.action === 'pause';
        return this.#options.onNotice?.(message, this);
      case 'healthStatus':
      case 'metricsReport':
      case 'configUpdateRequest':
      case 'log':
        return this.#options.onNotice?.(message, this);
      default:
        throw new AgentwireError('ERR_PROTOCOL', `an agent may not send ${message.type}`);
    }
  }

  #onAnswer(id: RequestId, decision: Decision): void {
    const exchange = this.#find(id);
    const error = errorOfDecision(decision);
    this.#count(error === undefined ? exchange?.settle(decision) : exchange?.settleWithError(error));
  }

  #count(settled: boolean | undefined): void {
    if (settled === true) this.stats.answers += 1;
    else this.stats.lateAnswers += 1;
  }

  #onMalformed(of: MessageType, id: RequestId | undefined, error: AgentwireError): void {
    this.stats.malformed += 1;
    this.#logger.warn({ connection: this.connection.id, of, code: error.code }, 'undecodable message from an agent');
    if ((of === 'answer' || of === 'bodyMutation') && id !== undefined) this.#find(id)?.settleWithError(error);
  }

  #sendPing(): boolean {
    this.#sequence += 1;
    return this.notify({ type: 'ping', sequence: this.#sequence, timestampMs: this.clock.wallNow() });
  }

  /** An agent of the crate answers a ping only after the handler before it, so silence while it works means nothing. */
  #patienceMs(): number {
    if (!this.serial || this.pending === 0) return 0;
    const now = this.clock.now();
    let latest = now;
    for (const exchange of this.#slots) if (exchange !== undefined) latest = exchange.latestDeadline(latest);
    return latest - now;
  }

  ping(options?: { readonly timeoutMs?: number }): Promise<number> {
    return new Promise((resolve, reject) => {
      const timeoutMs = checkNumber('timeoutMs', options?.timeoutMs ?? 5_000, 0, DAY_MS);
      if (this.closedError !== undefined) return reject(this.closedError);
      if (this.#pings.size >= 64) return reject(new AgentwireError('ERR_OVERLOADED', '64 pings are unanswered'));
      if (!this.#sendPing()) return reject(new AgentwireError('ERR_UNSUPPORTED', 'this peer cannot be pinged'));
      const sequence = this.#sequence;
      const timer = this.clock.setTimeout(() => {
        this.#pings.delete(sequence);
        reject(new AgentwireError('ERR_TIMEOUT', `no pong within ${timeoutMs} ms`));
      }, timeoutMs);
      this.#pings.set(sequence, { sentAt: this.clock.now(), resolve, reject, timer });
    });
  }

  #onPong(sequence: number): void {
    const waiter = this.#pings.get(sequence);
    if (waiter === undefined) return;
    this.#pings.delete(sequence);
    this.clock.clearTimeout(waiter.timer);
    waiter.resolve(this.clock.now() - waiter.sentAt);
  }

  cancelAll(reason: CancelReason = 'manual'): void {
    const together = this.notify({ type: 'cancelAll', reason });
    const error = new AgentwireError('ERR_ABORTED', `all requests were cancelled: ${reason}`);
    for (const exchange of this.#slots) exchange?.fail(error, together ? undefined : reason);
  }

  async drain(options?: { readonly timeoutMs?: number }): Promise<void> {
    const timeoutMs = checkNumber('timeoutMs', options?.timeoutMs ?? DEFAULT_DRAIN_TIMEOUT_MS, 0, DAY_MS);
    this.draining = true;
    if (this.inFlight > 0 && this.closedError === undefined) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#whenEmpty.push(resolve);
      const timer = this.clock.setTimeout(resolve, timeoutMs);
      await promise;
      this.clock.clearTimeout(timer);
    }
    await this.close();
  }

  close(): Promise<void> {
    return this.connection.close();
  }

  onClose(reason: CloseReason): void {
    const who = reason.by === 'local' ? 'this side' : this.connection.peer.name;
    const why = reason.error === undefined ? '' : `: ${reason.error.message}`;
    const error = new AgentwireError('ERR_CLOSED', `${who} closed ${this.connection.id}${why}`, {
      ...(reason.error !== undefined && { cause: reason.error }),
      detail: { by: reason.by },
    });
    this.closedError = error;
    this.clock.clearTimeout(this.#sweep);
    this.#sweeping = true;
    this.#keepalive?.stop();
    for (const exchange of this.#slots) exchange?.fail(error);
    for (const ping of this.#pings.values()) {
      this.clock.clearTimeout(ping.timer);
      ping.reject(error);
    }
    this.#pings.clear();
    this.#options.onClose?.(reason, this);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
