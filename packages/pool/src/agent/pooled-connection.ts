import { AgentwireError, type Connection, type Decision, type Hello, type Transport } from '@agentwire/core';
import { capabilitiesOf, type Lifecycle } from '@agentwire/core/internal';
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
import type { Candidate } from '../load-balancing.ts';
import type { ResolvedPoolOptions } from '../options.ts';
import { bitsOf } from '../question.ts';

/** Events of a pooled connection, for its agent. */
export interface PooledConnectionEvents {
  readonly session: ProxySessionOptions;
  onUp(connection: PooledConnection): void;
  onDown(connection: PooledConnection, error: AgentwireError | undefined): void;
  onAttemptFailed(error: AgentwireError, failures: number, waitMs: number): void;
}

/**
 * States of a pooled connection. `replacing` dials the next session while the one before drains; `waiting` is the backoff
 * before the next attempt. A connection that the agent opened is `adopted`, and is not dialled again.
 */
export type PooledConnectionState = 'new' | 'dialling' | 'up' | 'replacing' | 'waiting' | 'adopted' | 'stopped';

/** Transitions of a pooled connection. */
export const POOLED_CONNECTION_LIFECYCLE: Lifecycle<PooledConnectionState> = {
  new: { dial: 'dialling', adopt: 'adopted', stop: 'stopped' },
  dialling: { connected: 'up', failed: 'waiting', stop: 'stopped' },
  up: { 'agent drains': 'replacing', 'session ended': 'waiting', stop: 'stopped' },
  replacing: { connected: 'up', failed: 'waiting', stop: 'stopped' },
  waiting: { retry: 'dialling', stop: 'stopped' },
  adopted: { 'session ended': 'stopped', stop: 'stopped' },
  stopped: {},
};

/** Shortest wait after which {@link PooledConnection.reconnectNow} ends it, in milliseconds. */
const MIN_WAIT_MS = 250;

/** Exchanges per session, remembered ones included. */
export const MAX_IN_FLIGHT = 65_536;

/** One pooled connection: connected or reconnecting. */
export class PooledConnection implements Candidate {
  /** Session for new requests. */
  session: ProxySession | undefined;
  /** Events that the agent takes here, as bits; after the session ended those that it took, 0 before the first. */
  takes = 0;
  #state: PooledConnectionState = 'new';
  readonly #options: ResolvedPoolOptions;
  readonly #events: PooledConnectionEvents;
  readonly #stop = new AbortController();
  readonly #tried: PromiseWithResolvers<void> = Promise.withResolvers<void>();
  #loop: Promise<void> | undefined;
  /** Ends the wait before the next attempt. */
  #endWait: (() => void) | undefined;
  #waitsSince = 0;
  #maxPending = 0;
  /** Sessions that drain: they finish what they have while another one is dialled. */
  readonly #draining = new Set<ProxySession>();

  constructor(options: ResolvedPoolOptions, events: PooledConnectionEvents) {
    this.#options = options;
    this.#events = events;
  }

  get state(): PooledConnectionState {
    return this.#state;
  }

  get pending(): number {
    return this.session?.pending ?? 0;
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
    this.#state = 'dialling';
    this.#loop = keepConnected({
      clock,
      backoff: reconnect,
      signal: this.#stop.signal,
      onFailure: (error, failures, waitMs) => {
        this.#state = 'waiting';
        this.#events.onAttemptFailed(error, failures, waitMs);
        this.#tried.resolve();
      },
      onWait: (endWait) => {
        this.#endWait = endWait;
        this.#waitsSince = clock.now();
      },
      connect: async (signal) => {
        if (this.#state === 'waiting') this.#state = 'dialling';
        const { promise, resolve } = Promise.withResolvers<KeptEnd>();
        const options = this.#sessionOptions(resolve, (session) => this.#replace(session, resolve));
        const session = await connectSession(transport, address, { ...options, self, signal, handshakeTimeoutMs });
        if (signal.aborted) await session.close();
        else if (session.connection.status === 'open') this.#use(session, 'up');
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
    this.#use(session, 'adopted');
    return session;
  }

  #use(session: ProxySession, state: 'up' | 'adopted'): void {
    const { events, maxConcurrentRequests = Infinity } = capabilitiesOf(session.connection.peer.capabilities);
    this.session = session;
    this.takes = bitsOf(events);
    this.#maxPending = Math.min(this.#options.maxConcurrentPerConnection, maxConcurrentRequests);
    this.#state = state;
    this.#endWait = undefined;
    this.#tried.resolve();
    this.#events.onUp(this);
  }

  /** Dials the next session at once for one that drains: it takes no new requests. */
  #replace(session: ProxySession, onEnd: (end: KeptEnd) => void): void {
    if (this.session !== session) return;
    this.session = undefined;
    this.#draining.add(session);
    if (this.#state === 'up') this.#state = 'replacing';
    const error = new AgentwireError('ERR_DRAINING', `${session.connection.peer.name} drains ${session.connection.id}`);
    this.#events.onDown(this, error);
    onEnd({ draining: true, error });
  }

  #sessionOptions(onEnd: (end: KeptEnd) => void, onDraining: (session: ProxySession) => void): ProxySessionOptions {
    return {
      ...this.#events.session,
      onNotice: (notice, session) => {
        if (notice.type === 'drain' || notice.type === 'shutdown') {
          // a server that drains may wait until its clients have left
          void session.drain({ timeoutMs: this.#options.drainTimeoutMs });
          onDraining(session);
        }
        this.#events.session.onNotice?.(notice, session);
      },
      onClose: (reason, session) => {
        this.#draining.delete(session);
        if (this.session === session) {
          this.session = undefined;
          if (this.#state === 'up') this.#state = 'waiting';
          else if (this.#state === 'adopted') this.#state = 'stopped';
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
    this.#state = 'stopped';
    this.#stop.abort();
    this.#tried.resolve();
    const sessions = this.session === undefined ? [...this.#draining] : [this.session, ...this.#draining];
    await Promise.all(
      sessions.map((one) => (drainTimeoutMs > 0 ? one.drain({ timeoutMs: drainTimeoutMs }) : one.close())),
    );
    await this.#loop;
  }
}
