import { AgentwireError, type Connection, type Hello, type Transport } from '@agentwire/core';
import type { ProxySessionOptions } from '@agentwire/core/session';
import type { ResolvedPoolOptions } from '../options.ts';
import { namesOf } from './event-bits.ts';
import { MAX_IN_FLIGHT, PooledConnection } from './pooled-connection.ts';
import { type LaterEvents, laterEventsOf } from './request-end.ts';

/** What the connections of an agent tell. */
export interface AgentConnectionsEvents {
  readonly onOutcome: NonNullable<ProxySessionOptions['onOutcome']>;
  readonly onNotice: NonNullable<ProxySessionOptions['onNotice']>;
  /** A connection came, went, or takes requests again or no more: who waits for one may be let in or told. */
  readonly onChange: () => void;
}

/** The connections of one agent: how they come and go, and what was learned of the agent by that. */
export class AgentConnections {
  /** One for each connection that is wanted, whether it is up or not. */
  readonly places: PooledConnection[] = [];
  /**
   * Events that the agent takes, as bits; 0 before the first connection. An agent that restarts takes meanwhile what it took.
   * Of an agent that opens its connections itself, everything that any of its instances ever took: an event that no
   * instance takes any more is a failure of the agent, for its policy to decide, and does not pass unasked.
   */
  takes = 0;
  /** What it is told of a request after its head, by what it {@link takes}. */
  later: LaterEvents = laterEventsOf(0);
  /** Whether its connections take different events, as those of two versions of an agent do. */
  mixed = false;
  /** Whether it is dialled, so that nobody else may come in under its name. */
  dialled = false;
  /** Why a connection was lost or could not be made; `undefined` once one came up. */
  lastError: AgentwireError | undefined;
  readonly #agent: string;
  readonly #endpoint: string;
  readonly #options: ResolvedPoolOptions;
  readonly #events: AgentConnectionsEvents;
  /** Events that a connection takes now, or took last. */
  #taken = 0;
  #lossesAreNews = true;

  constructor(agent: string, endpoint: string, options: ResolvedPoolOptions, events: AgentConnectionsEvents) {
    this.#agent = agent;
    this.#endpoint = endpoint;
    this.#options = options;
    this.#events = events;
  }

  /** Connections that are up. */
  get up(): number {
    let up = 0;
    for (const place of this.places) if (place.session !== undefined) up += 1;
    return up;
  }

  /** Events that wait for an answer. */
  get inFlight(): number {
    let pending = 0;
    for (const place of this.places) pending += place.unanswered;
    return pending;
  }

  /** Opens the connections. Resolves when each has been made or has failed once. */
  async connect(transport: Transport, address: string, self: Hello): Promise<void> {
    this.dialled = true;
    const places = Array.from({ length: this.#options.connectionsPerAgent }, () => this.#newPlace());
    await Promise.all(places.map((place) => place.dial(transport, address, self)));
  }

  /** Takes over a connection that the agent opened. */
  adopt(connection: Connection): ReturnType<PooledConnection['adopt']> {
    const place = this.#newPlace();
    return place.adopt(connection, () => {
      const at = this.places.indexOf(place);
      if (at >= 0) this.places.splice(at, 1);
      this.#learn();
    });
  }

  #newPlace(): PooledConnection {
    const { clock, logger, requestTimeoutMs } = this.#options;
    const place = new PooledConnection(this.#options, {
      session: {
        clock,
        logger,
        requestTimeoutMs,
        maxInFlight: MAX_IN_FLIGHT,
        onOutcome: this.#events.onOutcome,
        onNotice: (notice, session) => {
          this.#events.onNotice(notice, session);
          // a pause that ended lets those who wait in; one that began, or a drain, may leave them nothing to wait for
          this.#events.onChange();
        },
      },
      onUp: () => this.#onUp(),
      onDown: (_down, error) => this.#onDown(error),
      onAttemptFailed: (error, failures, waitMs) => this.#onAttemptFailed(error, failures, waitMs),
    });
    this.places.push(place);
    return place;
  }

  /** Capabilities belong to a connection: what the agent takes is what one of them does. */
  #learn(): void {
    // what is known of an agent outlives its last connection
    if (this.places.length === 0) return;
    const before = this.#taken;
    this.#taken = 0;
    for (const place of this.places) this.#taken |= place.takes;
    this.takes = this.dialled ? this.#taken : this.takes | this.#taken;
    this.mixed = this.places.some(({ takes }) => takes !== 0 && takes !== this.takes);
    this.later = laterEventsOf(this.takes);
    const lost = before & ~this.#taken;
    if (lost !== 0 && this.#lossesAreNews)
      this.#options.logger.warn(
        { agent: this.#agent, events: namesOf(lost) },
        this.dialled
          ? 'no connection of an agent takes these events any more'
          : 'no instance of an agent takes these events any more: its failure policy decides, until one does or the agent is removed',
      );
  }

  #onUp(): void {
    const { logger } = this.#options;
    this.#learn();
    this.lastError = undefined;
    logger.info({ agent: this.#agent, endpoint: this.#endpoint, connections: this.up }, 'connected to an agent');
    this.#showUp();
    // it is there again, so the others need not wait for the end of a long backoff
    for (const other of this.places) other.hurry();
    this.#events.onChange();
  }

  #onDown(error: AgentwireError | undefined): void {
    this.lastError = error ?? new AgentwireError('ERR_CLOSED', `${this.#agent} closed the connection`);
    if (this.#lossesAreNews)
      this.#options.logger.warn({ agent: this.#agent, code: this.lastError.code }, 'lost a connection to an agent');
    this.#showUp();
    // who waits for an agent that is gone must not wait for its deadline
    this.#events.onChange();
  }

  #onAttemptFailed(error: AgentwireError, failures: number, waitMs: number): void {
    const { logger } = this.#options;
    this.lastError = error;
    const fields = {
      agent: this.#agent,
      endpoint: this.#endpoint,
      code: error.code,
      failures,
      waitMs: Math.round(waitMs),
    };
    if (failures === 1) logger.warn(fields, `cannot reach an agent: ${error.message}`);
    else logger.debug(fields, 'cannot reach an agent');
    // who waited for the replacement of a connection that drains has nothing to wait for now
    this.#events.onChange();
  }

  #showUp(): void {
    this.#options.metrics.gauge('agent_connections_active', { agent: this.#agent }, this.up);
  }

  /** Gives up every request of every connection. */
  cancelAll(): void {
    for (const place of this.places) place.cancelAll();
  }

  /** From now on a connection that ends does so because it shall, which is nothing to warn of. */
  expectLosses(): void {
    this.#lossesAreNews = false;
  }

  /** Ends every connection: drained within `drainTimeoutMs`, or at once where that is 0. */
  async stop(drainTimeoutMs: number): Promise<void> {
    await Promise.all(this.places.map((place) => place.stop(drainTimeoutMs)));
  }
}
