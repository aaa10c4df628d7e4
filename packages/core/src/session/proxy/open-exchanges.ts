import type { Clock } from '../../clock.ts';
import type { Connection } from '../../contract/connection.ts';
import { AgentwireError, ERROR_CODES, type ErrorCode } from '../../errors.ts';
import { IdleWaiters } from '../../idle-waiters.ts';
import type { Logger } from '../../logger.ts';
import type { CancelReason } from '../../message/control.ts';
import type { Decision } from '../../message/decision.ts';
import type { RequestId } from '../../message/events.ts';
import { Sweep } from '../../sweep.ts';
import { RequestIds, slotOf } from '../request-ids.ts';
import type { EventSender } from './event-sender.ts';
import { type ExchangeDeps, ExchangeSlot } from './exchange-slot.ts';
import type { ProxySessionOptions, ResolvedProxySessionOptions } from './proxy-session.ts';

/** Interval of the checks of deadlines, in milliseconds: a question times out at most this much late. */
const SWEEP_MS = 20;

/** Dependencies of {@link OpenExchanges}. */
interface OpenExchangesDeps {
  readonly connection: Connection;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly sender: EventSender;
  readonly options: ResolvedProxySessionOptions;
  readonly stats: { answers: number; lateAnswers: number; unasked: number; timeouts: number };
}

/** Exchanges of one session, each in a slot of its own; routes every answer to its question. */
export class OpenExchanges implements ExchangeDeps {
  readonly clock: Clock;
  readonly sender: EventSender;
  readonly serial: boolean;
  readonly requestTimeoutMs: number;
  closedError: AgentwireError | undefined;
  /** Exchanges that hold an id. */
  size = 0;
  /** Questions without an answer. */
  pending = 0;
  readonly #connection: Connection;
  readonly #logger: Logger;
  readonly #onOutcome: ProxySessionOptions['onOutcome'];
  readonly #stats: OpenExchangesDeps['stats'];
  readonly #ids: RequestIds;
  readonly #slots: (ExchangeSlot | undefined)[] = [];
  readonly #free: number[] = [];
  readonly #maxInFlight: number;
  readonly #deadlines: Sweep;
  /** Time up to which no deadline passes: at 10 000 in flight a look at each of them every 20 ms was a twentieth of the time. */
  #nextDeadline = Infinity;
  #idle: IdleWaiters | undefined;
  #generation = 0;

  constructor({ connection, clock, logger, sender, options, stats }: OpenExchangesDeps) {
    this.clock = clock;
    this.sender = sender;
    this.serial = connection.peer.dialect === 'zentinel';
    this.requestTimeoutMs = options.requestTimeoutMs;
    this.#connection = connection;
    this.#logger = logger;
    this.#onOutcome = options.onOutcome;
    this.#stats = stats;
    this.#ids = new RequestIds(connection.peer.ids);
    this.#maxInFlight = options.maxInFlight;
    this.#deadlines = new Sweep(clock, SWEEP_MS, () => this.#failOverdue());
  }

  /** Opens an exchange. @throws AgentwireError `ERR_OVERLOADED` at `maxInFlight` */
  open(): ExchangeSlot {
    const slot = this.#free.pop() ?? this.#newSlot();
    this.size += 1;
    this.#generation += 1;
    const exchange = new ExchangeSlot(this, slot, this.#ids.mint(this.#generation, slot));
    this.#slots[slot] = exchange;
    return exchange;
  }

  #newSlot(): number {
    if (this.#slots.length < this.#maxInFlight) return this.#slots.push(undefined) - 1;
    throw new AgentwireError('ERR_OVERLOADED', `${this.#maxInFlight} requests are in flight on ${this.#connection.id}`);
  }

  release(exchange: ExchangeSlot): void {
    if (this.#slots[exchange.slot] !== exchange) return;
    this.#slots[exchange.slot] = undefined;
    this.#free.push(exchange.slot);
    this.size -= 1;
    this.sender.forget(exchange);
    if (this.size === 0) this.#idle?.notify();
  }

  /** Resolves when no exchange holds an id. */
  whenEmpty(): Promise<void> {
    if (this.size === 0) return Promise.resolve();
    return (this.#idle ??= new IdleWaiters()).wait();
  }

  /** Returns the open exchange with this id on the wire. */
  find(id: RequestId): ExchangeSlot | undefined {
    const exchange = this.#slots[slotOf(id)];
    return exchange?.id === id ? exchange : undefined;
  }

  /** Settles the oldest question of an exchange with its answer. */
  answer(id: RequestId, decision: Decision): void {
    const exchange = this.find(id);
    const settled =
      decision.error === undefined ? exchange?.settle(decision) : exchange?.settleWithError(errorOf(decision.error));
    this.#count(exchange, settled);
  }

  /** Settles the chunk of that index with an older agent's body mutation. */
  answerMutation(id: RequestId, index: number, data: Uint8Array | null): void {
    const exchange = this.find(id);
    this.#count(exchange, exchange?.settleMutation(index, data));
  }

  #count(exchange: ExchangeSlot | undefined, settled: boolean | undefined): void {
    if (settled === true) this.#stats.answers += 1;
    else if (exchange === undefined) this.#stats.lateAnswers += 1;
    else this.#failUnasked(exchange);
  }

  /** Fails an exchange that got an answer without a question: no later answer of it could be trusted. */
  #failUnasked(exchange: ExchangeSlot): void {
    this.#stats.unasked += 1;
    const { peer, id } = this.#connection;
    this.#logger.warn({ connection: id, peer: peer.name }, 'an agent answered what it was not asked');
    this.sender.sendCancel(exchange.id, 'manual');
    exchange.fail(new AgentwireError('ERR_PROTOCOL', `${peer.name} answered twice, or before it was asked`));
  }

  /** Fails the oldest question of an exchange: its answer could not be decoded. */
  answerMalformed(id: RequestId, error: AgentwireError): void {
    const exchange = this.find(id);
    if (exchange?.settleWithError(error) === false) this.#failUnasked(exchange);
  }

  settled(exchange: ExchangeSlot, startedAt: number, outcome: Decision | AgentwireError): void {
    if (this.#onOutcome === undefined) return;
    try {
      const now = this.clock.now();
      this.#onOutcome(exchange, outcome, now - startedAt, now);
    } catch (error) {
      // other questions are settled by the same call or timer, and must be
      this.#logger.error({ connection: this.#connection.id, err: error }, 'onOutcome threw');
    }
  }

  asked(deadline: number): void {
    this.pending += 1;
    if (deadline < this.#nextDeadline) this.#nextDeadline = deadline;
    if (!this.#deadlines.running) this.#deadlines.start();
  }

  /** Fails exchanges with a question whose deadline has passed. @returns whether questions are left */
  #failOverdue(): boolean {
    const now = this.clock.now();
    if (now < this.#nextDeadline) return this.pending > 0;
    this.#nextDeadline = Infinity;
    for (const exchange of this.#slots) {
      if (exchange === undefined) continue;
      const deadline = exchange.earliestDeadline;
      if (deadline > now) {
        if (deadline < this.#nextDeadline) this.#nextDeadline = deadline;
        continue;
      }
      this.#stats.timeouts += 1;
      exchange.fail(
        new AgentwireError('ERR_TIMEOUT', `${this.#connection.peer.name} gave no answer in time`),
        'timeout',
      );
    }
    return this.pending > 0;
  }

  /** Returns how long the peer may be silent because it is busy, in milliseconds: the crate answers pings after its handlers. */
  patienceMs(): number {
    if (!this.serial || this.pending === 0) return 0;
    const now = this.clock.now();
    let latest = now;
    for (const exchange of this.#slots) if (exchange !== undefined) latest = exchange.latestDeadline(latest);
    return latest - now;
  }

  /** Fails every exchange; `reason` is sent to the agent for each, if given. */
  failAll(error: AgentwireError, reason?: CancelReason): void {
    for (const exchange of this.#slots) exchange?.fail(error, reason);
  }

  /** Fails every question with `error`, also later ones: the connection has ended. */
  close(error: AgentwireError): void {
    this.closedError = error;
    this.#deadlines.stop();
    this.failAll(error);
  }
}

/** Converts the error that an agent answered with. */
function errorOf({ code: stated, message }: NonNullable<Decision['error']>): AgentwireError {
  const code: ErrorCode = Object.hasOwn(ERROR_CODES, stated) ? (stated as ErrorCode) : 'ERR_HANDLER';
  return new AgentwireError(code, `the agent could not decide: ${message.slice(0, 200)}`, {
    detail: { byAgent: true },
  });
}
