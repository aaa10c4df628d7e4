import type { Clock } from '../../clock.ts';
import type { CloseReason, Connection, ConnectionHandler } from '../../contract/connection.ts';
import { AgentwireError } from '../../errors.ts';
import { atMost } from '../../idle-waiters.ts';
import type { Lifecycle } from '../../lifecycle.ts';
import type { Logger } from '../../logger.ts';
import type { CancelReason } from '../../message/control.ts';
import type { Decision } from '../../message/decision.ts';
import type { RequestId } from '../../message/events.ts';
import type { Message, MessageType, Received } from '../../message/message.ts';
import { resolveTypes } from '../../option-table.ts';
import { checkNumber } from '../../options.ts';
import { countRepeats } from '../../repeated-lines.ts';
import { Keepalive, PingSender } from '../keepalive.ts';
import { MAX_UNDECODABLE, undecodable } from '../undecodable.ts';
import { EventSender } from './event-sender.ts';
import type { ExchangeSlot } from './exchange-slot.ts';
import type { AskOptions, EventBody, Exchange } from './exchange.ts';
import { OpenExchanges } from './open-exchanges.ts';
import {
  type AgentNotice,
  DEFAULT_DRAIN_TIMEOUT_MS,
  PROXY_SESSION_TABLE,
  type ProxySession,
  type ProxySessionOptions,
  type ResolvedProxySessionOptions,
} from './proxy-session.ts';
import { UnansweredPings } from './unanswered-pings.ts';

const DAY_MS = 86_400_000;

/** States of a proxy's session; in `draining` it opens no exchange and finishes the open ones. */
type ProxySessionState = 'open' | 'draining' | 'closed';

/** States and transitions of a proxy's session. */
export const PROXY_SESSION_LIFECYCLE: Lifecycle<ProxySessionState> = {
  open: {
    drain: 'draining',
    'drain message': 'draining',
    'shutdown message': 'draining',
    'connection ended': 'closed',
  },
  draining: { 'connection ended': 'closed' },
  closed: {},
};

/** Implementation of {@link ProxySession}, and the handler of its connection. */
export class ProxySessionCore implements ProxySession, ConnectionHandler {
  readonly connection: Connection;
  readonly stats = { answers: 0, lateAnswers: 0, unasked: 0, timeouts: 0, malformed: 0 };
  paused = false;
  #state: ProxySessionState = 'open';
  /** Undecodable messages since the last answer. */
  #undecodable = 0;
  readonly #clock: Clock;
  readonly #options: ResolvedProxySessionOptions;
  readonly #logger: Logger;
  readonly #sender: EventSender;
  readonly #exchanges: OpenExchanges;
  readonly #pings: UnansweredPings;
  readonly #keepalive: Keepalive | undefined;

  constructor(connection: Connection, options: ProxySessionOptions) {
    const resolved: ResolvedProxySessionOptions = resolveTypes('', options, PROXY_SESSION_TABLE);
    const { clock, keepalive } = resolved;
    const logger = countRepeats(resolved.logger, clock);
    const sender = new EventSender(connection, clock, logger);
    const exchanges = new OpenExchanges({ connection, clock, logger, sender, options: resolved, stats: this.stats });
    const pings = new PingSender(clock, (ping) => sender.notify(ping));
    this.connection = connection;
    this.#clock = clock;
    this.#options = resolved;
    this.#logger = logger;
    this.#sender = sender;
    this.#exchanges = exchanges;
    this.#pings = new UnansweredPings(clock, pings);
    if (keepalive !== false) {
      const patienceMs = (): number => exchanges.patienceMs();
      this.#keepalive = new Keepalive({ connection, clock, pings, patienceMs }, keepalive);
    }
  }

  get inFlight(): number {
    return this.#exchanges.size;
  }

  get pending(): number {
    return this.#exchanges.pending;
  }

  get draining(): boolean {
    return this.#state === 'draining';
  }

  open(): ExchangeSlot {
    if (this.#state === 'open') return this.#exchanges.open();
    const { closedError } = this.#exchanges;
    throw closedError ?? new AgentwireError('ERR_DRAINING', `${this.connection.peer.name} takes no new requests`);
  }

  find(id: RequestId): Exchange | undefined {
    return this.#exchanges.find(id);
  }

  request(event: EventBody, options?: AskOptions): Promise<Decision> {
    let exchange: ExchangeSlot;
    try {
      exchange = this.open();
    } catch (error) {
      return Promise.reject(error);
    }
    return exchange.ask(event, options, true);
  }

  notify(message: Message): boolean {
    return this.#sender.notify(message);
  }

  onDrain(): void {
    this.#sender.onDrain();
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
        return this.#sender.sendPong(message);
      case 'pong':
        return this.#pings.onPong(message.sequence);
      case 'drain':
      case 'shutdown':
        this.#refuseNew();
        return this.#report(message);
      case 'flowControl':
        if (message.id === undefined && message.action !== 'updateCapacity') this.paused = message.action === 'pause';
        return this.#report(message);
      case 'healthStatus':
      case 'metricsReport':
      case 'configUpdateRequest':
      case 'log':
        return this.#report(message);
      default:
        throw new AgentwireError('ERR_PROTOCOL', `an agent may not send ${message.type}`);
    }
  }

  #refuseNew(): void {
    if (this.#state === 'open') this.#state = 'draining';
  }

  /** Calls `onNotice`; a throw ends nothing, because the connection has other requests. */
  #report(notice: AgentNotice): void {
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
    this.#refuseNew();
    if (this.inFlight > 0 && this.#state !== 'closed')
      await atMost(this.#clock, timeoutMs, this.#exchanges.whenEmpty());
    await this.close();
  }

  close(): Promise<void> {
    return this.connection.close();
  }

  onClose(reason: CloseReason): void {
    const error = closedErrorOf(this.connection, reason);
    this.#state = 'closed';
    this.#keepalive?.stop();
    this.#exchanges.close(error);
    this.#pings.close(error);
    this.#options.onClose?.(reason, this);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Creates the error of every question that the end of its connection leaves unanswered, and of those that come later. */
function closedErrorOf(connection: Connection, reason: CloseReason): AgentwireError {
  const who = reason.by === 'local' ? 'this side' : connection.peer.name;
  const why = reason.error === undefined ? '' : `: ${reason.error.message}`;
  return new AgentwireError('ERR_CLOSED', `${who} closed ${connection.id}${why}`, {
    ...(reason.error !== undefined && { cause: reason.error }),
    detail: { by: reason.by },
  });
}
