import type { Clock } from '../clock.ts';
import type { Connection } from '../contract/connection.ts';
import { AgentwireError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import type { CancelReason } from '../message/control.ts';
import type { Decision } from '../message/decision.ts';
import type { RequestId } from '../message/events.ts';
import { checkInteger, checkNumber } from '../options.ts';
import type { ExchangeHost, HostedExchange } from './exchange-host.ts';
import { ExchangeSlot } from './exchange-slot.ts';
import type { Exchange } from './exchange.ts';
import { errorOfDecision } from './failure.ts';
import { IdleWaiters } from '../idle-waiters.ts';
import type { Outbox } from './outbox.ts';
import type { ProxySessionOptions } from './proxy-session.ts';
import { RequestIds, SLOT_COUNT, slotOf } from './request-ids.ts';
import { Sweep } from '../sweep.ts';
import { Turn } from './turn.ts';

/** How often deadlines are looked at, in milliseconds: an answer is given up at most this much late. */
const SWEEP_MS = 20;
const DAY_MS = 86_400_000;

/** What {@link OpenExchanges} work with. */
interface OpenExchangesParts {
  readonly connection: Connection;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly outbox: Outbox;
  readonly options: ProxySessionOptions;
  readonly stats: { answers: number; lateAnswers: number; unasked: number; timeouts: number };
}

/** The exchanges of one session, each in a slot of its own, and the way of every answer to its question. */
export class OpenExchanges implements ExchangeHost {
  readonly outbox: Outbox;
  readonly serial: boolean;
  readonly requestTimeoutMs: number;
  closedError: AgentwireError | undefined;
  /** Exchanges that hold an id. */
  size = 0;
  /** Questions without an answer. */
  pending = 0;
  /** Who waits until no exchange holds an id. */
  readonly whenEmpty: IdleWaiters = new IdleWaiters();
  readonly #connection: Connection;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #onOutcome: ProxySessionOptions['onOutcome'];
  readonly #stats: OpenExchangesParts['stats'];
  readonly #ids: RequestIds;
  readonly #slots: (ExchangeSlot | undefined)[] = [];
  readonly #free: number[] = [];
  readonly #maxInFlight: number;
  readonly #deadlines: Sweep;
  readonly #turn = new Turn();
  #generation = 0;

  constructor({ connection, clock, logger, outbox, options, stats }: OpenExchangesParts) {
    this.outbox = outbox;
    this.serial = connection.peer.dialect === 'zentinel';
    this.requestTimeoutMs = checkNumber('requestTimeoutMs', options.requestTimeoutMs ?? 30_000, 0, DAY_MS);
    this.#connection = connection;
    this.#clock = clock;
    this.#logger = logger;
    this.#onOutcome = options.onOutcome;
    this.#stats = stats;
    this.#ids = new RequestIds(connection.peer.ids);
    this.#maxInFlight = checkInteger('maxInFlight', options.maxInFlight ?? 1024, 1, SLOT_COUNT);
    this.#deadlines = new Sweep(clock, SWEEP_MS, () => this.#giveUpOverdue());
  }

  get turn(): number {
    return this.#turn.number;
  }

  noteTurn(): number {
    return this.#turn.note();
  }

  pumpNextTurn(exchange: HostedExchange): void {
    this.#turn.pumpNext(exchange);
  }

  now(): number {
    return this.#clock.now();
  }

  /** Takes an id. @throws AgentwireError `ERR_OVERLOADED` when as many are open as may be. */
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

  release(exchange: HostedExchange): void {
    if (this.#slots[exchange.slot] !== exchange) return;
    this.#slots[exchange.slot] = undefined;
    this.#free.push(exchange.slot);
    this.size -= 1;
    this.outbox.forget(exchange);
    if (this.size === 0) this.whenEmpty.notify();
  }

  #find(id: RequestId): ExchangeSlot | undefined {
    const exchange = this.#slots[slotOf(id)];
    return exchange?.id === id ? exchange : undefined;
  }

  /** An answer came: the oldest question of its exchange gets it. */
  answer(id: RequestId, decision: Decision): void {
    const exchange = this.#find(id);
    const error = errorOfDecision(decision);
    this.#count(exchange, error === undefined ? exchange?.settle(decision) : exchange?.settleWithError(error));
  }

  /** An older agent's body mutation came: the chunk of that index gets it as its answer. */
  answerMutation(id: RequestId, index: number, data: Uint8Array | null): void {
    const exchange = this.#find(id);
    this.#count(exchange, exchange?.settleMutation(index, data));
  }

  #count(exchange: ExchangeSlot | undefined, settled: boolean | undefined): void {
    if (settled === true) this.#stats.answers += 1;
    else if (exchange === undefined) this.#stats.lateAnswers += 1;
    else this.#unasked(exchange);
  }

  /** An answer came to a live request that asks nothing: whatever comes next could be meant for anything. */
  #unasked(exchange: ExchangeSlot): void {
    this.#stats.unasked += 1;
    const { peer, id } = this.#connection;
    this.#logger.warn({ connection: id, peer: peer.name }, 'an agent answered what it was not asked');
    this.outbox.sendCancel(exchange.id, 'manual');
    exchange.fail(new AgentwireError('ERR_PROTOCOL', `${peer.name} answered twice, or before it was asked`));
  }

  /** An answer came that could not be decoded: the oldest question of its exchange fails. */
  answerMalformed(id: RequestId, error: AgentwireError): void {
    const exchange = this.#find(id);
    if (exchange?.settleWithError(error) === false) this.#unasked(exchange);
  }

  settled(exchange: Exchange, startedAt: number, outcome: Decision | AgentwireError): void {
    if (this.#onOutcome === undefined) return;
    try {
      this.#onOutcome(exchange, outcome, this.#clock.now() - startedAt);
    } catch (error) {
      // this runs in the middle of other questions' outcomes and in timers, which must not suffer from it
      this.#logger.error({ connection: this.#connection.id, err: error }, 'onOutcome threw');
    }
  }

  pendingChanged(by: 1 | -1): void {
    this.pending += by;
    if (!this.#deadlines.running && by === 1) this.#deadlines.start();
  }

  /** @returns whether questions are left, whose deadlines are still to come */
  #giveUpOverdue(): boolean {
    const now = this.#clock.now();
    for (const exchange of this.#slots) {
      if (exchange === undefined || !exchange.isOverdue(now)) continue;
      this.#stats.timeouts += 1;
      exchange.fail(
        new AgentwireError('ERR_TIMEOUT', `${this.#connection.peer.name} gave no answer in time`),
        'timeout',
      );
    }
    return this.pending > 0;
  }

  /** An agent of the crate answers a ping only after the handler before it, so silence while it works means nothing. */
  patienceMs(): number {
    if (!this.serial || this.pending === 0) return 0;
    const now = this.#clock.now();
    let latest = now;
    for (const exchange of this.#slots) if (exchange !== undefined) latest = exchange.latestDeadline(latest);
    return latest - now;
  }

  /** Ends all of them; `reason` is for the agent, where it has to be told of each. */
  failAll(error: AgentwireError, reason?: CancelReason): void {
    for (const exchange of this.#slots) exchange?.fail(error, reason);
  }

  /** The connection is over: every question fails with `error`, also those that are asked later. */
  close(error: AgentwireError): void {
    this.closedError = error;
    this.#deadlines.stop();
    this.failAll(error);
  }
}
