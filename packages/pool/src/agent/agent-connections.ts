import { AgentwireError, type Connection, type Hello, type Transport } from '@agentwire/core';
import { dropRepeats } from '@agentwire/core/internal';
import type { ProxySessionOptions } from '@agentwire/core/session';
import { HealthWindow } from '../health/health-window.ts';
import type { ResolvedPoolOptions } from '../options.ts';
import type { AgentMetrics } from './agent-metrics.ts';
import { ConnectionFitness } from './connection-fitness.ts';
import { type LaterEvents, laterEventsOf, namesOf } from '../question.ts';
import type { ConnectionLife } from './connection-life.ts';
import { GradientLimit } from './gradient-limit.ts';
import { PAUSE_LEASE_MS } from './pause-lease.ts';
import { MAX_IN_FLIGHT, PooledConnection, type PooledConnectionEvents } from './pooled-connection.ts';

const LOST = 'lost a connection to an agent';
const UNREACHED = 'cannot reach an agent';

/** Events of an agent's connections. */
export interface AgentConnectionsEvents {
  readonly onOutcome: PooledConnectionEvents['onOutcome'];
  readonly onNotice: NonNullable<ProxySessionOptions['onNotice']>;
  /** A connection came, went, paused or resumed: queued requests may be dispatched, or have nothing left to wait for. */
  readonly onChange: () => void;
  /** A connection was made. */
  readonly onUp: (connection: PooledConnection) => void;
  /** A connection ended, or drains. @param died whether with an error, while it was wanted */
  readonly onDown: (died: boolean) => void;
  /** The agent did not renew its pause on a connection in time. */
  readonly onPauseExpired: () => void;
}

/** Connections of one agent, and what their handshakes told about it. */
export class AgentConnections {
  /** Every connection that the pool wants, up or not. */
  readonly pooled: PooledConnection[] = [];
  readonly fitness: ConnectionFitness;
  /** Limit of its unanswered events; `undefined` without `adaptiveConcurrency`. */
  readonly limit: GradientLimit | undefined;
  /** Outcomes on connections that are not dialled again. */
  readonly gone: HealthWindow = new HealthWindow();
  /**
   * Events that the agent takes, as bits; 0 before the first connection. An agent that restarts takes meanwhile what it took.
   * Of an agent that opens its connections itself, everything that any of its instances ever took: an event that no
   * instance takes any more is a failure of the agent, for its policy to decide, and does not pass unasked.
   */
  takes = 0;
  /** Events that it may get for a request after its head, by what it {@link takes}. */
  later: LaterEvents = laterEventsOf(0);
  /** Set while its connections take different events, as those of two versions of an agent do. */
  mixed = false;
  /** Set while all connections lead to one process, as its reports say. */
  sharesProcess = false;
  /** Set where the pool dials it, so that no agent may register under its name. */
  dialled = false;
  /** Error of the last connection that was lost or could not be made; `undefined` once one came up. */
  lastError: AgentwireError | undefined;
  readonly #agent: string;
  readonly #endpoint: string;
  readonly #options: ResolvedPoolOptions;
  readonly #events: AgentConnectionsEvents;
  readonly #metrics: AgentMetrics;
  /** Events that a connection takes now, or took last. */
  #taken = 0;
  #stopping = false;
  /** Set while the last warning was of a connection that was lost or could not be made. */
  #isWarned = false;
  #added = 0;

  constructor(
    agent: string,
    endpoint: string,
    options: ResolvedPoolOptions,
    metrics: AgentMetrics,
    events: AgentConnectionsEvents,
  ) {
    this.#agent = agent;
    this.#endpoint = endpoint;
    this.#options = options;
    this.#events = events;
    this.#metrics = metrics;
    this.limit = options.adaptiveConcurrency && new GradientLimit(options.adaptiveConcurrency);
    this.fitness = new ConnectionFitness(agent, options, this.pooled);
    this.recordGauges();
  }

  /** Number of connections that are up. */
  get up(): number {
    let up = 0;
    for (const { session } of this.pooled) if (session !== undefined) up += 1;
    return up;
  }

  /** Events that wait for an answer. */
  get inFlight(): number {
    let pending = 0;
    for (const { unanswered } of this.pooled) pending += unanswered;
    return pending;
  }

  /** Opens the connections. Resolves when each has been made or has failed once. */
  async connect(transport: Transport, address: string, self: Hello): Promise<void> {
    this.dialled = true;
    const connections = Array.from({ length: this.#options.connectionsPerAgent }, () => this.#add());
    await Promise.all(connections.map((connection) => connection.life.dial(transport, address, self)));
  }

  /** Takes over a connection that the agent opened. */
  adopt(opened: Connection): ReturnType<ConnectionLife['adopt']> {
    const connection = this.#add();
    return connection.life.adopt(opened, () => {
      const at = this.pooled.indexOf(connection);
      if (at >= 0) this.pooled.splice(at, 1);
      this.gone.add(connection.health, this.#options.clock.now());
      this.#learn();
    });
  }

  #add(): PooledConnection {
    const { clock, logger, requestTimeoutMs, healthCheckIntervalMs } = this.#options;
    this.#added += 1;
    const connection = new PooledConnection(this.#added, this.#options, {
      session: {
        clock,
        logger,
        requestTimeoutMs,
        maxInFlight: MAX_IN_FLIGHT,
        keepalive: { intervalMs: healthCheckIntervalMs },
        onNotice: (notice, session) => {
          this.#events.onNotice(notice, session);
          if (notice.type === 'flowControl') this.#recordPaused();
          this.#events.onChange();
        },
      },
      onOutcome: this.#events.onOutcome,
      onHealth: (reporting, report) => this.fitness.report(reporting, report),
      onProcess: () => this.#compareProcesses(),
      onPauseExpired: ({ id }) => {
        logger.warn(
          { agent: this.#agent, connection: id, leaseMs: PAUSE_LEASE_MS },
          'an agent paused a connection and did not renew the pause: the connection is replaced',
        );
        this.#events.onPauseExpired();
      },
      onUp: (up) => this.#onUp(up),
      onDown: (_down, error) => this.#onDown(error),
      onAttemptFailed: (error, failures, waitMs) => this.#onAttemptFailed(error, failures, waitMs),
    });
    this.pooled.push(connection);
    return connection;
  }

  /** Updates the events that the agent takes: capabilities belong to a connection. */
  #learn(): void {
    // what is known of an agent outlives its last connection
    if (this.pooled.length === 0) return;
    const before = this.#taken;
    this.#taken = 0;
    for (const { takes } of this.pooled) this.#taken |= takes;
    this.takes = this.dialled ? this.#taken : this.takes | this.#taken;
    this.mixed = this.pooled.some(({ takes }) => takes !== 0 && takes !== this.takes);
    this.later = laterEventsOf(this.takes);
    const lost = before & ~this.#taken;
    if (lost === 0 || this.#stopping) return;
    this.#options.logger.warn(
      { agent: this.#agent, events: namesOf(lost) },
      this.dialled
        ? 'no connection of an agent takes these events any more'
        : 'no instance of an agent takes these events any more: its failure policy decides, until one does or the agent is removed',
    );
  }

  #compareProcesses(): void {
    const up = this.pooled.filter(({ session }) => session !== undefined);
    const process = up[0]?.life.process;
    this.sharesProcess = process !== undefined && up.every(({ life }) => life.process === process);
  }

  #onUp(connection: PooledConnection): void {
    const { logger } = this.#options;
    this.#learn();
    this.#compareProcesses();
    this.fitness.update();
    this.lastError = undefined;
    const fields = { agent: this.#agent, endpoint: this.#endpoint, connections: this.up };
    if (this.#isWarned && this.dialled) {
      dropRepeats(logger, this.#agent, [LOST, UNREACHED]);
      // as loud as what it ends, so that a log does not end with that
      logger.warn(fields, 'connected to an agent again');
    } else logger.info(fields, 'connected to an agent');
    this.#isWarned = false;
    this.recordGauges();
    this.#events.onUp(connection);
    // the agent is back, so the others need not wait for the end of a long backoff
    for (const other of this.pooled) other.life.reconnectNow();
    this.#events.onChange();
  }

  #onDown(error: AgentwireError | undefined): void {
    this.lastError = error ?? new AgentwireError('ERR_CLOSED', `${this.#agent} closed the connection`);
    if (!this.#stopping) {
      this.#isWarned = true;
      this.#options.logger.warn({ agent: this.#agent, code: this.lastError.code }, LOST);
    }
    this.#compareProcesses();
    this.recordGauges();
    this.#events.onDown(error !== undefined && error.code !== 'ERR_DRAINING' && !this.#stopping);
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
    if (error.code === 'ERR_DRAINING')
      logger.info(fields, 'an agent drains young connections: the next one is dialled after a wait');
    else if (failures === 1) {
      this.#isWarned = true;
      logger.warn(fields, `${UNREACHED}: ${error.message}`);
    } else logger.debug(fields, UNREACHED);
    this.#events.onChange();
  }

  /** Records the gauges of its connections. */
  recordGauges(): void {
    this.#metrics.gauge('agent_connections_active', this.up);
    this.#recordPaused();
  }

  /** Connections on which the agent asked for a pause. */
  get paused(): number {
    let paused = 0;
    for (const { session } of this.pooled) if (session?.paused === true) paused += 1;
    return paused;
  }

  #recordPaused(): void {
    this.#metrics.gauge('agent_flow_paused', this.paused);
  }

  /** Cancels every request of every connection. */
  cancelAll(): void {
    for (const connection of this.pooled) connection.cancelAll();
  }

  /** Marks the agent as stopping: the end of a connection is expected, and not logged as a loss. */
  markStopping(): void {
    this.#stopping = true;
  }

  /** Ends every connection: drained within `drainTimeoutMs`, or at once where that is 0. */
  async stop(drainTimeoutMs: number): Promise<void> {
    await Promise.all(this.pooled.map((connection) => connection.life.stop(drainTimeoutMs)));
  }
}
