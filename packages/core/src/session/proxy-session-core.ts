import { type Clock, systemClock } from '../clock.ts';
import type { CloseReason, Connection, ConnectionHandler } from '../contract/connection.ts';
import { AgentwireError } from '../errors.ts';
import { atMost } from '../idle-waiters.ts';
import { type Logger, silentLogger } from '../logger.ts';
import type { CancelReason } from '../message/control.ts';
import type { Decision } from '../message/decision.ts';
import type { RequestId } from '../message/events.ts';
import type { Message, MessageType, Received } from '../message/message.ts';
import { checkNumber } from '../options.ts';
import { countRepeats } from '../repeated-lines.ts';
import { closedErrorOf } from './closed-error.ts';
import type { ExchangeSlot } from './exchange-slot.ts';
import type { AskOptions, EventBody, Exchange } from './exchange.ts';
import { Keepalive } from './keepalive.ts';
import { OpenExchanges } from './open-exchanges.ts';
import { Outbox } from './outbox.ts';
import { PingSender } from './ping-sender.ts';
import {
  type AgentNotice,
  DEFAULT_DRAIN_TIMEOUT_MS,
  type ProxySession,
  type ProxySessionOptions,
} from './proxy-session.ts';
import { UnansweredPings } from './unanswered-pings.ts';
import { MAX_UNDECODABLE, undecodable } from './undecodable.ts';

const DAY_MS = 86_400_000;

/** The one implementation of {@link ProxySession}; also the handler of its connection. */
export class ProxySessionCore implements ProxySession, ConnectionHandler {
  readonly connection: Connection;
  readonly stats = { answers: 0, lateAnswers: 0, unasked: 0, timeouts: 0, malformed: 0 };
  draining = false;
  paused = false;
  /** Undecodable messages since the last answer. */
  #undecodable = 0;
  readonly #clock: Clock;
  readonly #options: ProxySessionOptions;
  readonly #logger: Logger;
  readonly #outbox: Outbox;
  readonly #exchanges: OpenExchanges;
  readonly #pings: UnansweredPings;
  readonly #keepalive: Keepalive | undefined;

  constructor(connection: Connection, options: ProxySessionOptions) {
    const clock = options.clock ?? systemClock;
    const logger = countRepeats(options.logger ?? silentLogger, clock);
    const outbox = new Outbox(connection, clock, logger);
    const exchanges = new OpenExchanges({ connection, clock, logger, outbox, options, stats: this.stats });
    const pings = new PingSender(clock, (ping) => outbox.notify(ping));
    this.connection = connection;
    this.#clock = clock;
    this.#options = options;
    this.#logger = logger;
    this.#outbox = outbox;
    this.#exchanges = exchanges;
    this.#pings = new UnansweredPings(clock, pings);
    if (options.keepalive !== false) {
      const patienceMs = (): number => exchanges.patienceMs();
      const subject = { connection, clock, sendPing: () => pings.send(), patienceMs };
      this.#keepalive = new Keepalive(subject, options.keepalive ?? {});
    }
  }

  get inFlight(): number {
    return this.#exchanges.size;
  }

  get pending(): number {
    return this.#exchanges.pending;
  }

  open(): Exchange {
    return this.#open();
  }

  #open(): ExchangeSlot {
    const { closedError } = this.#exchanges;
    if (closedError !== undefined) throw closedError;
    if (this.draining) throw new AgentwireError('ERR_DRAINING', `${this.connection.peer.name} takes no new requests`);
    return this.#exchanges.open();
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

  notify(message: Message): boolean {
    return this.#outbox.notify(message);
  }

  onDrain(): void {
    this.#outbox.onRoom();
  }

  onMessage(message: Received): void {
    switch (message.type) {
      case 'answer':
        this.#undecodable = 0;
        return this.#exchanges.answer(message.id, message.decision);
      case 'malformed':
        return this.#onMalformed(message.of, message.id, message.error);
      case 'bodyMutation':
        return this.#exchanges.answerMutation(message.id, message.index, message.data);
      case 'ping':
        return this.#outbox.sendPong(message);
      case 'pong':
        return this.#pings.onPong(message.sequence);
      case 'drain':
      case 'shutdown':
        this.draining = true;
        return this.#tell(message);
      case 'flowControl':
        if (message.id === undefined && message.action !== 'updateCapacity') this.paused = message.action === 'pause';
        return this.#tell(message);
      case 'healthStatus':
      case 'metricsReport':
      case 'configUpdateRequest':
      case 'log':
        return this.#tell(message);
      default:
        throw new AgentwireError('ERR_PROTOCOL', `an agent may not send ${message.type}`);
    }
  }

  /** A listener's throw ends nothing: its connection has other requests. */
  #tell(notice: AgentNotice): void {
    try {
      this.#options.onNotice?.(notice, this);
    } catch (error) {
      this.#logger.error({ connection: this.connection.id, type: notice.type, err: error }, 'onNotice threw');
    }
  }

  #onMalformed(of: MessageType, id: RequestId | undefined, error: AgentwireError): void {
    this.stats.malformed += 1;
    this.#undecodable += 1;
    if (this.#undecodable > MAX_UNDECODABLE) throw undecodable(this.connection);
    this.#logger.warn({ connection: this.connection.id, of, code: error.code }, 'undecodable message from an agent');
    if ((of === 'answer' || of === 'bodyMutation') && id !== undefined) this.#exchanges.answerMalformed(id, error);
  }

  ping(options?: { readonly timeoutMs?: number }): Promise<number> {
    return new Promise((resolve, reject) => {
      const timeoutMs = checkNumber('timeoutMs', options?.timeoutMs ?? 5_000, 0, DAY_MS);
      const { closedError } = this.#exchanges;
      if (closedError !== undefined) reject(closedError);
      else this.#pings.send(timeoutMs, resolve, reject);
    });
  }

  cancelAll(reason: CancelReason = 'manual'): void {
    const together = this.notify({ type: 'cancelAll', reason });
    const error = new AgentwireError('ERR_ABORTED', `all requests were cancelled: ${reason}`);
    this.#exchanges.failAll(error, together ? undefined : reason);
  }

  async drain(options?: { readonly timeoutMs?: number }): Promise<void> {
    const timeoutMs = checkNumber('timeoutMs', options?.timeoutMs ?? DEFAULT_DRAIN_TIMEOUT_MS, 0, DAY_MS);
    this.draining = true;
    if (this.inFlight > 0 && this.#exchanges.closedError === undefined) {
      await atMost(this.#clock, timeoutMs, this.#exchanges.whenEmpty.wait());
    }
    await this.close();
  }

  close(): Promise<void> {
    return this.connection.close();
  }

  onClose(reason: CloseReason): void {
    const error = closedErrorOf(this.connection, reason);
    this.#keepalive?.stop();
    this.#exchanges.close(error);
    this.#pings.close(error);
    this.#options.onClose?.(reason, this);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
