import type { Clock } from '../clock.ts';
import type { Connection } from '../contract/connection.ts';
import type { Logger } from '../logger.ts';
import type { RequestId } from '../message/events.ts';
import { AgentRequestCore } from './agent-request.ts';
import type { AgentSessionLimits } from './agent-session-limits.ts';
import type { SessionHandler } from './agent-session.ts';
import type { EventQueues } from './event-queues.ts';
import { RequestTable } from './request-table.ts';
import { Sweep } from '../sweep.ts';

/** What {@link KnownRequests} work with. */
interface KnownRequestsParts {
  readonly connection: Connection;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly handler: SessionHandler;
  readonly limits: AgentSessionLimits;
  readonly queues: EventQueues;
  readonly stats: { cancelled: number };
}

/** The requests of one connection from their first event to their end, of which the handler hears once for each. */
export class KnownRequests {
  readonly #connection: Connection;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #handler: SessionHandler;
  readonly #queues: EventQueues;
  readonly #stats: { cancelled: number };
  readonly #ttlMs: number;
  /** Whether only their age ends requests: others are completed, cancelled, or end with the connection. */
  readonly #age: boolean;
  readonly #table: RequestTable;
  readonly #forgetting: Sweep;

  constructor({ connection, clock, logger, handler, limits, queues, stats }: KnownRequestsParts) {
    this.#connection = connection;
    this.#clock = clock;
    this.#logger = logger;
    this.#handler = handler;
    this.#queues = queues;
    this.#stats = stats;
    this.#ttlMs = limits.requestStateTtlMs;
    this.#age = connection.peer.dialect === 'zentinel';
    this.#table = new RequestTable(connection.peer.features.includes('slot_ids'), limits.maxRetained);
    this.#forgetting = new Sweep(clock, this.#ttlMs, () => this.#forgetIdle());
  }

  get(id: RequestId): AgentRequestCore | undefined {
    return this.#table.get(id);
  }

  /** A request that the table does not have; without slots it gets there only when it is not answered at once. */
  meet(id: RequestId): AgentRequestCore {
    return this.#table.hasSlots ? this.begin(id) : new AgentRequestCore(id, this.#connection);
  }

  /** A fresh request under an id that may have had another one. */
  begin(id: RequestId): AgentRequestCore {
    const request = new AgentRequestCore(id, this.#connection);
    this.list(request);
    return request;
  }

  /** Puts a request into the table, once. */
  list(request: AgentRequestCore): void {
    if (request.listed) return;
    request.listed = true;
    // its handler has ended the connection while it was not in the table
    if (this.#connection.status === 'closed') return this.#giveUp(request);
    const before = this.#table.add(request);
    if (before !== undefined) this.#drop(before);
  }

  /** An answered request is kept for its later events; for a time, where nothing says that it is over. */
  touch(request: AgentRequestCore): void {
    this.list(request);
    request.touchedAt = this.#clock.now();
    if (this.#age && !this.#forgetting.running && this.#table.ages) this.#forgetting.start();
  }

  /** @returns whether some are left: what was touched meanwhile ages too, also when no event comes any more */
  #forgetIdle(): boolean {
    for (const idle of this.#table.removeIdleSince(this.#clock.now() - this.#ttlMs)) this.#drop(idle);
    return this.#table.ages;
  }

  /** A request is over. */
  end(request: AgentRequestCore): void {
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
      this.#logger.error({ connection: this.#connection.id, err: error }, 'onRequestEnd threw');
    }
  }

  /** A request's place is taken: its work, if there is any, is for nobody. */
  #drop(request: AgentRequestCore): void {
    this.#queues.giveUp(request);
    if (request.unanswered > 0) request.cancel(undefined);
    this.#tellEnd(request);
  }

  /** Its connection has ended. */
  #giveUp(request: AgentRequestCore): void {
    request.cancel('connection_closed');
    this.#tellEnd(request);
  }

  /** The proxy has given a request up; an unknown one is over already, but in the zentinel dialect. */
  cancel(id: RequestId, reason: Parameters<AgentRequestCore['cancel']>[0]): void {
    // an answered one is not in the table where nothing of it had to be kept here, and its handler may know of it all the same
    const request = this.#table.get(id) ?? (this.#age ? new AgentRequestCore(id, this.#connection) : undefined);
    if (request === undefined) return;
    this.#stats.cancelled += 1;
    this.#queues.giveUp(request);
    request.cancel(reason);
    this.end(request);
  }

  /** The proxy has given all of them up. */
  cancelAll(): void {
    for (const request of this.#table.values()) this.cancel(request.id, 'manual');
  }

  /** Tells whoever still works that a drain does not wait any longer. */
  endOfDrain(): void {
    for (const request of this.#table.values()) request.cancel('drain_timeout');
  }

  /** The connection is over, and every request with it. */
  close(): void {
    this.#forgetting.stop();
    for (const request of this.#table.values()) this.#giveUp(request);
    this.#table.clear();
  }
}
