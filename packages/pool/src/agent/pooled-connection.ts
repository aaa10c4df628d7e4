import { AgentwireError, type Connection, type Decision, type Hello, type Transport } from '@agentwire/core';
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
import type { Candidate } from '../load-balancing.ts';
import type { ResolvedPoolOptions } from '../options.ts';
import { bitsOf } from './event-bits.ts';

/** What a connection tells its agent. */
export interface PooledConnectionEvents {
  readonly session: ProxySessionOptions;
  onUp(connection: PooledConnection): void;
  onDown(connection: PooledConnection, error: AgentwireError | undefined): void;
  onAttemptFailed(error: AgentwireError, failures: number, waitMs: number): void;
}

/** How long a place has waited at least when it is dialled before its turn, in milliseconds. */
const HURRY_AFTER_MS = 250;

/** Exchanges that a session can hold, remembered ones included. */
export const MAX_IN_FLIGHT = 65_536;

/** One place of an agent's pool: has a session or is getting one. */
export class PooledConnection implements Candidate {
  session: ProxySession | undefined;
  /** The events that the agent takes here, as bits; after its connection ended those that it took, 0 before the first. */
  takes = 0;
  readonly #options: ResolvedPoolOptions;
  readonly #events: PooledConnectionEvents;
  readonly #stop = new AbortController();
  readonly #tried: PromiseWithResolvers<void> = Promise.withResolvers<void>();
  #loop: Promise<void> | undefined;
  #tryNow: (() => void) | undefined;
  #waitsSince = 0;
  #maxPending = 0;
  /** Sessions that drain: they finish what they have while another one is dialled. */
  readonly #retiring = new Set<ProxySession>();
  #replacing = false;

  constructor(options: ResolvedPoolOptions, events: PooledConnectionEvents) {
    this.#options = options;
    this.#events = events;
  }

  get pending(): number {
    return this.session?.pending ?? 0;
  }

  /** Events that wait for an answer, also on connections that drain. */
  get unanswered(): number {
    let { pending } = this;
    for (const session of this.#retiring) pending += session.pending;
    return pending;
  }

  /** Whether a connection drains. */
  get retiring(): boolean {
    return this.#retiring.size > 0;
  }

  /** Whether the replacement of a connection that drains is being dialled, for which it is worth waiting. */
  get replacing(): boolean {
    return this.#replacing;
  }

  /** Whether a new request whose event has this bit may be given to it; 0 for one that anybody may get. */
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

  /** Takes an id of its session. @throws AgentwireError `ERR_CLOSED`, `ERR_DRAINING`, `ERR_OVERLOADED` */
  open(): Exchange {
    return this.#live().open();
  }

  /** Asks one thing that nothing follows. @throws AgentwireError `ERR_CLOSED` */
  request(event: EventBody, options?: AskOptions): Promise<Decision> {
    return this.#live().request(event, options);
  }

  /** Dials and keeps the connection up until {@link stop}. Resolves when it is up, has failed once, or was stopped. */
  dial(transport: Transport, address: string, self: Hello): Promise<void> {
    const { clock, reconnect, connectTimeoutMs } = this.#options;
    this.#loop = keepConnected({
      clock,
      backoff: reconnect,
      signal: this.#stop.signal,
      onFailure: (error, failures, waitMs) => {
        this.#replacing = false;
        this.#events.onAttemptFailed(error, failures, waitMs);
        this.#tried.resolve();
      },
      onWait: (tryNow) => {
        this.#tryNow = tryNow;
        this.#waitsSince = clock.now();
      },
      connect: async (signal) => {
        const { promise, resolve } = Promise.withResolvers<KeptEnd>();
        const options = this.#sessionOptions(resolve, (session) => this.#retire(session, resolve));
        const session = await connectSession(transport, address, {
          ...options,
          self,
          signal,
          handshakeTimeoutMs: connectTimeoutMs,
        });
        if (signal.aborted) await session.close();
        else if (session.connection.status === 'open') this.#up(session);
        return { ended: promise };
      },
    });
    return this.#tried.promise;
  }

  /**
   * Dials now instead of at the end of the wait, because the agent is wanted or was seen. A place that began to wait a
   * moment ago goes on waiting, so that an agent that is down sees four attempts a second at most from each.
   *
   * @returns whether it does
   */
  hurry(): boolean {
    const tryNow = this.#tryNow;
    if (tryNow === undefined || this.#options.clock.now() - this.#waitsSince < HURRY_AFTER_MS) return false;
    this.#tryNow = undefined;
    tryNow();
    return true;
  }

  /** Takes over a connection that an agent opened. @returns the handler for `onConnection`. */
  adopt(connection: Connection, onEnd: () => void): ReturnType<typeof acceptProxySession> {
    const session = acceptProxySession(
      connection,
      this.#sessionOptions(onEnd, () => undefined),
    );
    this.#up(session);
    return session;
  }

  /** A connection drains: whatever comes next needs another one, which is dialled now. */
  #retire(session: ProxySession, onEnd: (end: KeptEnd) => void): void {
    if (this.session !== session) return;
    this.session = undefined;
    this.#retiring.add(session);
    this.#replacing = !this.#stop.signal.aborted;
    const error = new AgentwireError('ERR_DRAINING', `${session.connection.peer.name} drains ${session.connection.id}`);
    this.#events.onDown(this, error);
    onEnd({ draining: true, error });
  }

  #sessionOptions(onEnd: (end: KeptEnd) => void, onDraining: (session: ProxySession) => void): ProxySessionOptions {
    return {
      ...this.#events.session,
      onNotice: (notice, session) => {
        if (notice.type === 'drain' || notice.type === 'shutdown') {
          // a server that drains may wait for its clients to go, and this place is wanted for the next connection
          void session.drain({ timeoutMs: this.#options.drainTimeoutMs });
          onDraining(session);
        }
        this.#events.session.onNotice?.(notice, session);
      },
      onClose: (reason, session) => {
        if (this.session === session) {
          this.session = undefined;
          this.#events.onDown(this, reason.error);
        }
        this.#retiring.delete(session);
        onEnd({ error: reason.error });
      },
    };
  }

  #up(session: ProxySession): void {
    const { events, maxConcurrentRequests = Infinity } = capabilitiesOf(session.connection.peer.capabilities);
    this.session = session;
    this.takes = bitsOf(events);
    this.#maxPending = Math.min(this.#options.maxConcurrentPerConnection, maxConcurrentRequests);
    this.#replacing = false;
    this.#tryNow = undefined;
    this.#tried.resolve();
    this.#events.onUp(this);
  }

  /** Gives up every request. */
  cancelAll(): void {
    this.session?.cancelAll();
    for (const session of this.#retiring) session.cancelAll();
  }

  /** Stops reconnecting and ends the session: drained within `drainTimeoutMs`, or at once where that is 0. */
  async stop(drainTimeoutMs: number): Promise<void> {
    this.#stop.abort();
    this.#tried.resolve();
    const sessions = this.session === undefined ? [...this.#retiring] : [this.session, ...this.#retiring];
    await Promise.all(
      sessions.map((one) => (drainTimeoutMs > 0 ? one.drain({ timeoutMs: drainTimeoutMs }) : one.close())),
    );
    await this.#loop;
  }
}
