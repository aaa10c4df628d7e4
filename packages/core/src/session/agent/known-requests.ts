import type { Clock } from '../../clock.ts';
import type { Connection } from '../../contract/connection.ts';
import type { Logger } from '../../logger.ts';
import type { RequestId } from '../../message/events.ts';
import { Sweep } from '../../sweep.ts';
import { AgentRequestCore, RequestTable } from './agent-request.ts';
import type { ResolvedAgentSessionOptions, SessionHandler } from './agent-session.ts';
import type { EventQueues } from './event-queues.ts';

/** Dependencies of {@link KnownRequests}. */
interface KnownRequestsDeps {
  readonly connection: Connection;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly handler: SessionHandler;
  readonly options: ResolvedAgentSessionOptions;
  readonly queues: EventQueues;
  readonly stats: { cancelled: number };
}

/** Requests of one connection from their first event to their end, which the handler learns once for each. */
export class KnownRequests {
  readonly #connection: Connection;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #handler: SessionHandler;
  readonly #queues: EventQueues;
  readonly #stats: KnownRequestsDeps['stats'];
  readonly #ttlMs: number;
  /** True if requests end by age: proxies of the zentinel dialect need not complete or cancel them. */
  readonly #ages: boolean;
  readonly #table: RequestTable;
  readonly #evictions: Sweep;

  constructor({ connection, clock, logger, handler, options, queues, stats }: KnownRequestsDeps) {
    this.#connection = connection;
    this.#clock = clock;
    this.#logger = logger;
    this.#handler = handler;
    this.#queues = queues;
    this.#stats = stats;
    this.#ttlMs = options.requestStateTtlMs;
    this.#ages = connection.peer.dialect === 'zentinel';
    this.#table = new RequestTable(connection.peer.features.includes('slot_ids'), options.maxRetained);
    this.#evictions = new Sweep(clock, this.#ttlMs, () => this.#evictIdle());
  }

  /** Returns the registered request with that id. */
  get(id: RequestId): AgentRequestCore | undefined {
    return this.#table.get(id);
  }

  /** Creates a request for an unknown id; without slots it is registered only if it is not answered at once. */
  create(id: RequestId): AgentRequestCore {
    return this.#table.hasSlots ? this.begin(id) : new AgentRequestCore(id, this.#connection);
  }

  /** Creates and registers a request; replaces another one with that id or slot. */
  begin(id: RequestId): AgentRequestCore {
    const request = new AgentRequestCore(id, this.#connection);
    this.register(request);
    return request;
  }

  /** Puts a request into the table, once. */
  register(request: AgentRequestCore): void {
    if (request.phase !== 'new') return;
    request.phase = 'registered';
    // its handler has ended the connection while it was not in the table
    if (this.#connection.status === 'closed') return this.#closeWith(request);
    const replaced = this.#table.add(request);
    if (replaced !== undefined) this.#drop(replaced);
  }

  /** Keeps an answered request for its later events; for a limited time if nothing reports its end. */
  touch(request: AgentRequestCore): void {
    this.register(request);
    request.touchedAt = this.#clock.now();
    if (this.#ages && !this.#evictions.running && this.#table.ages) this.#evictions.start();
  }

  /** Evicts idle requests. @returns whether requests are left that only their age ends */
  #evictIdle(): boolean {
    for (const idle of this.#table.removeIdleSince(this.#clock.now() - this.#ttlMs)) this.#drop(idle);
    return this.#table.ages;
  }

  /** Ends a request. */
  end(request: AgentRequestCore): void {
    if (request.phase === 'registered') this.#table.remove(request);
    this.#reportEnd(request);
  }

  /** Calls `onRequestEnd`, once for each request; a throw must not keep others from their ends. */
  #reportEnd(request: AgentRequestCore): void {
    if (request.phase === 'ended') return;
    request.phase = 'ended';
    try {
      this.#handler.onRequestEnd?.(request);
    } catch (error) {
      this.#logger.error({ connection: this.#connection.id, err: error }, 'onRequestEnd threw');
    }
  }

  /** Ends a request that was evicted or replaced, and cancels its handler if one runs. */
  #drop(request: AgentRequestCore): void {
    this.#queues.discard(request);
    if (request.unanswered > 0) request.cancel(undefined);
    this.#reportEnd(request);
  }

  /** Ends a request because its connection has ended. */
  #closeWith(request: AgentRequestCore): void {
    request.cancel('connection_closed');
    this.#reportEnd(request);
  }

  /** Cancels a request for the proxy; an unknown one has ended already, except in the zentinel dialect. */
  cancel(id: RequestId, reason: Parameters<AgentRequestCore['cancel']>[0]): void {
    // an answered request without state here is not registered, and its handler may know it all the same
    const request = this.#table.get(id) ?? (this.#ages ? new AgentRequestCore(id, this.#connection) : undefined);
    if (request === undefined) return;
    this.#stats.cancelled += 1;
    this.#queues.discard(request);
    request.cancel(reason);
    this.end(request);
  }

  /** Cancels all of them for the proxy. */
  cancelAll(): void {
    for (const request of this.#table.values()) this.cancel(request.id, 'manual');
  }

  /** Cancels what still runs: a drain waits no longer. */
  cancelRest(): void {
    for (const request of this.#table.values()) request.cancel('drain_timeout');
  }

  /** Ends every request: the connection has ended. */
  close(): void {
    this.#evictions.stop();
    for (const request of this.#table.values()) this.#closeWith(request);
    this.#table.clear();
  }
}
