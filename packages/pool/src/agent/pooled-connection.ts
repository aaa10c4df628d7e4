import {
  AgentwireError,
  type Connection,
  type Decision,
  type FlowControl,
  type HealthStatus,
  type Hello,
  type Transport,
} from '@agentwire/core';
import { capabilitiesOf } from '@agentwire/core/internal';
import {
  acceptProxySession,
  type AskOptions,
  connectSession,
  type EventBody,
  type Exchange,
  type ProxySession,
  type ProxySessionOptions,
} from '@agentwire/core/session';
import { keepConnected, type KeptEnd } from '@agentwire/core/session/internal';
import type { Candidate } from '../balancing/strategy.ts';
import { HealthWindow } from '../health/health-window.ts';
import { ReportedHealth } from '../health/reported-health.ts';
import type { ResolvedPoolOptions } from '../options.ts';
import { nextState, type PooledConnectionEvent, type PooledConnectionState } from './connection-state.ts';
import { Ejection } from './ejection.ts';
import { PauseLease } from './pause-lease.ts';
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
  /** The agent did not renew its pause in time. */
  onPauseExpired(connection: PooledConnection): void;
  onUp(connection: PooledConnection): void;
  onDown(connection: PooledConnection, error: AgentwireError | undefined): void;
  onAttemptFailed(error: AgentwireError, failures: number, waitMs: number): void;
}

/** Shortest wait after which {@link PooledConnection.reconnectNow} ends it, in milliseconds. */
const MIN_WAIT_MS = 250;

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
  #state: PooledConnectionState = 'new';
  readonly #options: ResolvedPoolOptions;
  readonly #events: PooledConnectionEvents;
  readonly #stop = new AbortController();
  readonly #tried: PromiseWithResolvers<void> = Promise.withResolvers<void>();
  #loop: Promise<void> | undefined;
  /** Ends the wait before the next attempt. */
  #endWait: (() => void) | undefined;
  #waitsSince = 0;
  readonly lease: PauseLease;
  /** Drains a session, and dials the next one for it. */
  #replaceSession: (session: ProxySession) => void = () => undefined;
  #maxPending = 0;
  /** Sessions that drain: they finish what they have while another one is dialled. */
  readonly #draining = new Set<ProxySession>();

  constructor(id: number, options: ResolvedPoolOptions, events: PooledConnectionEvents) {
    this.id = id;
    this.#options = options;
    this.#events = events;
    this.reported = new ReportedHealth(options.clock);
    this.lease = new PauseLease(options.clock, () => {
      events.onPauseExpired(this);
      if (this.session !== undefined) this.#replaceSession(this.session);
    });
    this.ejection = new Ejection({
      threshold: options.outlierEjectionThreshold,
      timeMs: options.outlierEjectionTimeMs,
    });
  }

  get state(): PooledConnectionState {
    return this.#state;
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
    for (const session of this.#draining) pending += session.pending;
    return pending;
  }

  /** `true` while a session drains. */
  get isDraining(): boolean {
    return this.#draining.size > 0;
  }

  #fire(event: PooledConnectionEvent): void {
    this.#state = nextState(this.#state, event);
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

  /** Returns whether it can take a new request whose event has this bit; 0 stands for an event that every connection takes. */
  usable(bit: number): boolean {
    const { session } = this;
    if (session === undefined || (this.takes & bit) !== bit || session.draining || session.paused) return false;
    // one that is closing still has its session, so that what it asked can be answered
    return (
      session.connection.status === 'open' && session.pending < this.#maxPending && session.inFlight < MAX_IN_FLIGHT
    );
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

  /** Dials and keeps the connection up until {@link stop}. Resolves when it is up, has failed once, or was stopped. */
  dial(transport: Transport, address: string, self: Hello): Promise<void> {
    const { clock, reconnect, connectTimeoutMs: handshakeTimeoutMs } = this.#options;
    this.#fire('dial');
    this.#loop = keepConnected({
      clock,
      backoff: reconnect,
      signal: this.#stop.signal,
      onFailure: (error, failures, waitMs) => {
        this.#fire('failed');
        this.#events.onAttemptFailed(error, failures, waitMs);
        this.#tried.resolve();
      },
      onWait: (endWait) => {
        this.#endWait = endWait;
        this.#waitsSince = clock.now();
      },
      connect: async (signal) => {
        this.#fire('retry');
        const { promise, resolve } = Promise.withResolvers<KeptEnd>();
        const options = this.#sessionOptions(resolve, (session) => this.#replace(session, resolve));
        const session = await connectSession(transport, address, { ...options, self, signal, handshakeTimeoutMs });
        if (signal.aborted) await session.close();
        else if (session.connection.status === 'open') this.#use(session, 'connected');
        return { ended: promise };
      },
    });
    return this.#tried.promise;
  }

  /**
   * Dials now instead of at the end of the wait. A wait that began less than 250 ms ago goes on, so that an agent that is
   * down gets at most four attempts per second and connection.
   *
   * @returns whether it dials
   */
  reconnectNow(): boolean {
    const endWait = this.#endWait;
    if (endWait === undefined || this.#options.clock.now() - this.#waitsSince < MIN_WAIT_MS) return false;
    this.#endWait = undefined;
    endWait();
    return true;
  }

  /** Takes over a connection that an agent opened. @returns the handler for `onConnection` */
  adopt(connection: Connection, onEnd: () => void): ReturnType<typeof acceptProxySession> {
    const session = acceptProxySession(
      connection,
      this.#sessionOptions(onEnd, () => undefined),
    );
    this.#use(session, 'adopt');
    return session;
  }

  #use(session: ProxySession, event: 'connected' | 'adopt'): void {
    const { events, maxConcurrentRequests = Infinity } = capabilitiesOf(session.connection.peer.capabilities);
    this.session = session;
    // an agent that is at its limit says so with its first message, before the session is used
    if (session.paused) this.lease.pause();
    this.takes = bitsOf(events);
    this.#maxPending = Math.min(this.#options.maxConcurrentPerConnection, maxConcurrentRequests);
    this.reported.clear();
    this.ejection.clear();
    this.#fire(event);
    this.#endWait = undefined;
    this.#tried.resolve();
    this.#events.onUp(this);
  }

  /** Starts, renews or ends the lease of a pause. */
  #onFlowControl(action: FlowControl['action']): void {
    if (action === 'pause') this.lease.pause();
    else if (action === 'resume') this.lease.resume();
  }

  /** Dials the next session at once for one that drains: it takes no new requests. */
  #replace(session: ProxySession, onEnd: (end: KeptEnd) => void): void {
    if (this.session !== session) return;
    this.session = undefined;
    this.lease.endSession();
    this.#draining.add(session);
    this.#fire('agent drains');
    const error = new AgentwireError('ERR_DRAINING', `${session.connection.peer.name} drains ${session.connection.id}`);
    this.#events.onDown(this, error);
    onEnd({ draining: true, error });
  }

  #sessionOptions(onEnd: (end: KeptEnd) => void, onDraining: (session: ProxySession) => void): ProxySessionOptions {
    const replace = (session: ProxySession): void => {
      void session.drain({ timeoutMs: this.#options.drainTimeoutMs });
      onDraining(session);
    };
    this.#replaceSession = replace;
    return {
      ...this.#events.session,
      onOutcome: (exchange, outcome, durationMs, now) => {
        if ('verdict' in outcome) {
          this.health.succeeded(durationMs, now);
          if (this.lease.state === 'expired') this.lease.answered();
        }
        this.#events.onOutcome(this, exchange, outcome, durationMs, now);
      },
      onNotice: (notice, session) => {
        if (notice.type === 'healthStatus' && this.session === session) this.#events.onHealth(this, notice);
        if (notice.type === 'flowControl' && notice.id === undefined) {
          // one that is not used yet starts its lease when it is
          if (this.session === session) this.#onFlowControl(notice.action);
        }
        const drains = notice.type === 'healthStatus' && notice.state === 'draining' && !session.draining;
        if (notice.type === 'drain' || notice.type === 'shutdown' || drains) {
          // a server that drains may wait until its clients have left
          replace(session);
        }
        this.#events.session.onNotice?.(notice, session);
      },
      onClose: (reason, session) => {
        this.#draining.delete(session);
        if (this.session === session) {
          this.session = undefined;
          this.lease.endSession();
          this.#fire('session ended');
          this.#events.onDown(this, reason.error);
        }
        onEnd({ error: reason.error });
      },
    };
  }

  /** Cancels every request. */
  cancelAll(): void {
    this.session?.cancelAll();
    for (const session of this.#draining) session.cancelAll();
  }

  /** Stops reconnecting and ends the session: drained within `drainTimeoutMs`, or at once where that is 0. */
  async stop(drainTimeoutMs: number): Promise<void> {
    this.#fire('stop');
    this.#stop.abort();
    this.#tried.resolve();
    const sessions = this.session === undefined ? [...this.#draining] : [this.session, ...this.#draining];
    await Promise.all(
      sessions.map((one) => (drainTimeoutMs > 0 ? one.drain({ timeoutMs: drainTimeoutMs }) : one.close())),
    );
    await this.#loop;
  }
}
