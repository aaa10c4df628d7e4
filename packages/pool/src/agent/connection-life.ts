import { AgentwireError, type Connection, type HealthStatus, type Hello, type Transport } from '@agentwire/core';
import {
  acceptProxySession,
  connectSession,
  type ProxySession,
  type ProxySessionOptions,
} from '@agentwire/core/session';
import { instanceOf } from '@agentwire/core/internal';
import type { KeptEnd } from '@agentwire/core/session/internal';
import type { ResolvedPoolOptions } from '../options.ts';
import { nextState, type PooledConnectionEvent, type PooledConnectionState } from './connection-state.ts';
import { PauseLease } from './pause-lease.ts';
import { sessionOptionsOf } from './session-options.ts';
import { Upkeep } from './upkeep.ts';

/** Callbacks of a {@link ConnectionLife}. */
export interface LifeEvents {
  /** Options of all sessions. */
  readonly session: ProxySessionOptions;
  readonly onHealth: (report: HealthStatus) => void;
  /** The agent told which of its processes this connection leads to. */
  readonly onProcess: () => void;
  /** The agent did not renew its pause in time. */
  readonly onPauseExpired: () => void;
  readonly onUp: () => void;
  readonly onDown: (error: AgentwireError | undefined) => void;
  readonly onAttemptFailed: (error: AgentwireError, failures: number, waitMs: number) => void;
}

/** Part of a connection that its life changes. */
export interface LivingConnection {
  /** Session for new requests. */
  session: ProxySession | undefined;
  /** Uses another session for new requests. */
  use(session: ProxySession): void;
  readonly onOutcome: NonNullable<ProxySessionOptions['onOutcome']>;
}

/** Longest wait before a replacement is dialled for which requests are held, in milliseconds: about six drains in a row. */
const MAX_HELD_WAIT_MS = 1_000;

/** Life of one pooled connection: its sessions, of which a new one is dialled when one drains or ends. */
export class ConnectionLife {
  readonly lease: PauseLease;
  #state: PooledConnectionState = 'new';
  readonly #connection: LivingConnection;
  readonly #options: ResolvedPoolOptions;
  readonly #events: LifeEvents;
  readonly #upkeep: Upkeep;
  /** Drains a session, and dials the next one for it. */
  #replaceSession: (session: ProxySession) => void = () => undefined;
  /** Last reports of sessions that were not used yet, or no longer. */
  readonly #early = new WeakMap<ProxySession, HealthStatus>();
  /** Processes that sessions lead to, as their reports say; the first one may come before its session is used. */
  readonly #processes = new WeakMap<ProxySession, string>();
  /** Sessions that drain: they finish what they have while another one is dialled. */
  readonly #draining = new Set<ProxySession>();

  constructor(connection: LivingConnection, options: ResolvedPoolOptions, events: LifeEvents) {
    this.#connection = connection;
    this.#options = options;
    this.#events = events;
    this.#upkeep = new Upkeep(options.clock, options.reconnect);
    this.lease = new PauseLease(options.clock, () => {
      events.onPauseExpired();
      if (connection.session !== undefined) this.#replaceSession(connection.session);
    });
  }

  get state(): PooledConnectionState {
    return this.#state;
  }

  /** Sessions that drain. */
  get draining(): ReadonlySet<ProxySession> {
    return this.#draining;
  }

  /** Process of the agent that the session for new requests leads to; `undefined` where the agent does not tell. */
  get process(): string | undefined {
    const { session } = this.#connection;
    return session && this.#processes.get(session);
  }

  #fire(event: PooledConnectionEvent): void {
    this.#state = nextState(this.#state, event);
  }

  /** Dials and keeps the connection up until {@link stop}. Resolves when it is up, has failed once, or was stopped. */
  dial(transport: Transport, address: string, self: Hello): Promise<void> {
    const { connectTimeoutMs: handshakeTimeoutMs } = this.#options;
    this.#fire('dial');
    return this.#upkeep.start({
      onFailure: (error, failures, waitMs) => {
        // workers of an agent that restart one after another each pass the connection on to one that may be the next to drain
        const isPassedOn = error.code === 'ERR_DRAINING' && waitMs <= MAX_HELD_WAIT_MS;
        if (this.#state !== 'replacing' || !isPassedOn) this.#fire('failed');
        this.#events.onAttemptFailed(error, failures, waitMs);
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
  }

  /** Dials now instead of at the end of the wait; see {@link Upkeep.reconnectNow}. @returns whether it dials */
  reconnectNow(): boolean {
    return this.#upkeep.reconnectNow();
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
    this.#connection.use(session);
    // an agent that is at its limit says so with its first message, before the session is used
    if (session.paused) this.lease.pause();
    const report = this.#early.get(session);
    if (report !== undefined) this.#events.onHealth(report);
    this.#fire(event);
    this.#upkeep.connected();
    this.#events.onUp();
  }

  /** Dials the next session at once for one that drains: it takes no new requests. */
  #replace(session: ProxySession, onEnd: (end: KeptEnd) => void): void {
    if (this.#connection.session !== session) return;
    this.#draining.add(session);
    const error = new AgentwireError('ERR_DRAINING', `${session.connection.peer.name} drains ${session.connection.id}`);
    this.#lose('agent drains', error);
    onEnd({ draining: true, error });
  }

  #lose(event: 'agent drains' | 'session ended', error: AgentwireError | undefined): void {
    this.#connection.session = undefined;
    this.lease.endSession();
    this.#fire(event);
    this.#events.onDown(error);
  }

  #sessionOptions(onEnd: (end: KeptEnd) => void, onDraining: (session: ProxySession) => void): ProxySessionOptions {
    const connection = this.#connection;
    const { options, drain } = sessionOptionsOf(this.#events.session, this.#options.drainTimeoutMs, {
      onOutcome: connection.onOutcome,
      onFlowControl: (action, session) => {
        // one that is not used yet starts its lease when it is
        if (connection.session !== session) return;
        if (action === 'pause') this.lease.pause();
        else if (action === 'resume') this.lease.resume();
      },
      onHealth: (report, session) => {
        if (connection.session === session) this.#events.onHealth(report);
        else this.#early.set(session, report);
      },
      onMetrics: (report, session) => {
        const process = instanceOf(report);
        if (process === undefined || this.#processes.get(session) === process) return;
        this.#processes.set(session, process);
        if (connection.session === session) this.#events.onProcess();
      },
      onDraining,
      onClosed: (error, session) => {
        this.#draining.delete(session);
        if (connection.session === session) this.#lose('session ended', error);
        onEnd({ error });
      },
    });
    this.#replaceSession = drain;
    return options;
  }

  /** Stops reconnecting and ends the sessions: drained within `drainTimeoutMs`, or at once where that is 0. */
  async stop(drainTimeoutMs: number): Promise<void> {
    this.#fire('stop');
    const ended = this.#upkeep.stop();
    const { session } = this.#connection;
    const sessions = session === undefined ? [...this.#draining] : [session, ...this.#draining];
    await Promise.all(
      sessions.map((one) => (drainTimeoutMs > 0 ? one.drain({ timeoutMs: drainTimeoutMs }) : one.close())),
    );
    await ended;
  }
}
