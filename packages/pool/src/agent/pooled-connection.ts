import { AgentwireError, type Decision, type HealthStatus } from '@agentwire/core';
import { capabilitiesOf } from '@agentwire/core/internal';
import type { AskOptions, EventBody, Exchange, ProxySession, ProxySessionOptions } from '@agentwire/core/session';
import type { Candidate } from '../balancing/strategy.ts';
import { HealthWindow } from '../health/health-window.ts';
import { ReportedHealth } from '../health/reported-health.ts';
import type { ResolvedPoolOptions } from '../options.ts';
import { ConnectionLife, type LifeEvents } from './connection-life.ts';
import type { PooledConnectionState } from './connection-state.ts';
import { Ejection } from './ejection.ts';
import { bitsOf } from '../question.ts';

/** Callbacks of a pooled connection, for its agent. */
export interface PooledConnectionEvents {
  readonly session: ProxySessionOptions;
  onOutcome(
    connection: PooledConnection,
    exchange: Exchange,
    outcome: Decision | AgentwireError,
    durationMs: number,
    now: number,
  ): void;
  onHealth(connection: PooledConnection, report: HealthStatus): void;
  /** The agent told which of its processes a connection leads to. */
  onProcess(): void;
  /** The agent did not renew its pause in time. */
  onPauseExpired(connection: PooledConnection): void;
  onUp(connection: PooledConnection): void;
  onDown(connection: PooledConnection, error: AgentwireError | undefined): void;
  readonly onAttemptFailed: LifeEvents['onAttemptFailed'];
}

/**
 * Unanswered events of a connection up to which it is taken again where all lead to one process: what waits together is written and read
 * together. Four connections to one process cost a fifth more processor time than one.
 */
const SHARED_EVENTS = 64;
/** Time without an answer, and average time of one, from which requests go to other connections too, in milliseconds. */
const PROMPT_MS = 20;

/** Exchanges per session, remembered ones included. */
export const MAX_IN_FLIGHT = 65_536;

/** One pooled connection: connected or reconnecting. */
export class PooledConnection implements Candidate {
  /** Number among the agent's connections; another session keeps it. */
  readonly id: number;
  /** Session for new requests. */
  session: ProxySession | undefined;
  /** Events that the agent takes here, as bits; after the session ended those that it took, 0 before the first. */
  takes = 0;
  /** Set while it gets no new request that another connection can take; see `ConnectionFitness`. */
  avoided = false;
  /** Outcomes of its sessions. */
  readonly health: HealthWindow = new HealthWindow();
  readonly reported: ReportedHealth;
  readonly ejection: Ejection;
  readonly life: ConnectionLife;
  /** Records an outcome on one of its sessions. */
  readonly onOutcome: NonNullable<ProxySessionOptions['onOutcome']>;
  readonly #options: ResolvedPoolOptions;
  #maxPending = 0;
  /** Time since which events have waited without an answer, as far as {@link usable} has looked. */
  #quietSince: number | undefined;

  constructor(id: number, options: ResolvedPoolOptions, events: PooledConnectionEvents) {
    this.id = id;
    this.#options = options;
    this.reported = new ReportedHealth(options.clock);
    this.life = new ConnectionLife(this, options, {
      session: events.session,
      onHealth: (report) => events.onHealth(this, report),
      onProcess: () => events.onProcess(),
      onPauseExpired: () => events.onPauseExpired(this),
      onUp: () => events.onUp(this),
      onDown: (error) => events.onDown(this, error),
      onAttemptFailed: events.onAttemptFailed,
    });
    this.ejection = new Ejection({
      threshold: options.outlierEjectionThreshold,
      timeMs: options.outlierEjectionTimeMs,
    });
    const { lease } = this.life;
    this.onOutcome = (exchange, outcome, durationMs, now) => {
      if ('verdict' in outcome) {
        this.health.succeeded(durationMs, now);
        if (this.#quietSince !== undefined) this.#quietSince = now;
        if (lease.state === 'expired') lease.answered();
      }
      events.onOutcome(this, exchange, outcome, durationMs, now);
    };
  }

  get state(): PooledConnectionState {
    return this.life.state;
  }

  get pending(): number {
    return this.session?.pending ?? 0;
  }

  get successRate(): number {
    return this.health.successRate(this.#options.clock.now());
  }

  get averageLatencyMs(): number {
    return this.health.averageLatencyMs;
  }

  /** Events that wait for an answer, also on sessions that drain. */
  get unanswered(): number {
    let { pending } = this;
    for (const session of this.life.draining) pending += session.pending;
    return pending;
  }

  /** `true` while a session drains. */
  get isDraining(): boolean {
    return this.life.draining.size > 0;
  }

  /** `true` while it takes new requests, as far as it has room: its session is open, not draining and not paused. */
  get isOpen(): boolean {
    const { session } = this;
    return session?.connection.status === 'open' && !session.draining && !session.paused;
  }

  /** `true` while it is open, is not avoided, and its agent does not call itself unhealthy. */
  get healthy(): boolean {
    return this.isOpen && !this.ejection.isEjected(this.#options.clock.now()) && this.reported.state !== 'unhealthy';
  }

  /**
   * Returns whether it can take a new request whose event has this bit; 0 stands for an event that every connection takes.
   *
   * @param prompt demands also that the request will not wait long: the connection answers quickly, its last answer was no failure, and where
   * events wait, one was answered lately. It may lead to a process that answers others, and still be slow or dead itself
   */
  usable(bit: number, prompt: boolean = false): boolean {
    const { session } = this;
    if (session === undefined || (this.takes & bit) !== bit || session.draining || session.paused) return false;
    const { pending } = session;
    if (pending >= this.#maxPending || session.inFlight >= MAX_IN_FLIGHT) return false;
    // one that is closing still has its session, so that what it asked can be answered
    if (session.connection.status !== 'open') return false;
    if (!prompt) return true;
    if (this.ejection.failing || this.health.averageLatencyMs >= PROMPT_MS) return false;
    if (pending > 0) return pending < SHARED_EVENTS && this.#answersLately();
    this.#quietSince = undefined;
    return true;
  }

  #answersLately(): boolean {
    const now = this.#options.clock.now();
    this.#quietSince ??= now;
    return now - this.#quietSince < PROMPT_MS;
  }

  #live(): ProxySession {
    if (this.session !== undefined) return this.session;
    throw new AgentwireError('ERR_CLOSED', 'the connection has ended');
  }

  /** Opens an exchange on its session. @throws AgentwireError `ERR_CLOSED`, `ERR_DRAINING`, `ERR_OVERLOADED` */
  open(): Exchange {
    return this.#live().open();
  }

  /** Sends an event that no other event follows. @throws AgentwireError `ERR_CLOSED` */
  request(event: EventBody, options?: AskOptions): Promise<Decision> {
    return this.#live().request(event, options);
  }

  /** Uses another session for new requests. */
  use(session: ProxySession): void {
    const { events, maxConcurrentRequests = Infinity } = capabilitiesOf(session.connection.peer.capabilities);
    this.session = session;
    this.#quietSince = undefined;
    this.takes = bitsOf(events);
    this.#maxPending = Math.min(this.#options.maxConcurrentPerConnection, maxConcurrentRequests);
    this.reported.clear();
    this.ejection.clear();
  }

  /** Cancels every request. */
  cancelAll(): void {
    this.session?.cancelAll();
    for (const session of this.life.draining) session.cancelAll();
  }
}
