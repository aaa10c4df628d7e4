import type { AgentwireError, Connection, Hello, Transport } from '@agentwire/core';
import {
  acceptProxySession,
  connectSession,
  keepConnected,
  type ProxySession,
  type ProxySessionOptions,
} from '@agentwire/core/session';
import type { Candidate } from './load-balancing.ts';
import type { ResolvedPoolOptions } from './options.ts';

/** What a connection tells its agent. */
export interface PooledConnectionEvents {
  readonly session: ProxySessionOptions;
  onUp(connection: PooledConnection): void;
  onDown(connection: PooledConnection, error: AgentwireError | undefined): void;
  onAttemptFailed(error: AgentwireError, failures: number, waitMs: number): void;
}

/** How long a place has waited at least when it is dialled before its turn, in milliseconds. */
const HURRY_AFTER_MS = 250;

/** One place of an agent's pool: has a session or is getting one. */
export class PooledConnection implements Candidate {
  session: ProxySession | undefined;
  readonly #options: ResolvedPoolOptions;
  readonly #events: PooledConnectionEvents;
  readonly #stop = new AbortController();
  #loop: Promise<void> | undefined;
  #tryNow: (() => void) | undefined;
  #waitsSince = 0;

  constructor(options: ResolvedPoolOptions, events: PooledConnectionEvents) {
    this.#options = options;
    this.#events = events;
  }

  get pending(): number {
    return this.session?.pending ?? 0;
  }

  /** Whether a new request may be given to it. */
  usable(maxPending: number): boolean {
    const { session } = this;
    return session !== undefined && !session.draining && !session.paused && session.pending < maxPending;
  }

  /** Dials and keeps the connection up until {@link stop}. */
  dial(transport: Transport, address: string, self: Hello): void {
    const { clock, reconnect, connectTimeoutMs } = this.#options;
    this.#loop = keepConnected({
      clock,
      backoff: reconnect,
      signal: this.#stop.signal,
      onFailure: (error, failures, waitMs) => this.#events.onAttemptFailed(error, failures, waitMs),
      onWait: (tryNow) => {
        this.#tryNow = tryNow;
        this.#waitsSince = clock.now();
      },
      connect: async (signal) => {
        const { promise, resolve } = Promise.withResolvers<void>();
        const options = this.#sessionOptions(resolve);
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
    const session = acceptProxySession(connection, this.#sessionOptions(onEnd));
    this.#up(session);
    return session;
  }

  #sessionOptions(onEnd: () => void): ProxySessionOptions {
    return {
      ...this.#events.session,
      onClose: (reason, session) => {
        if (this.session === session) {
          this.session = undefined;
          this.#events.onDown(this, reason.error);
        }
        onEnd();
      },
    };
  }

  #up(session: ProxySession): void {
    this.session = session;
    this.#tryNow = undefined;
    this.#events.onUp(this);
  }

  /** Stops reconnecting and ends the session: drained within `drainTimeoutMs`, or at once where that is 0. */
  async stop(drainTimeoutMs: number): Promise<void> {
    this.#stop.abort();
    const { session } = this;
    if (session !== undefined)
      await (drainTimeoutMs > 0 ? session.drain({ timeoutMs: drainTimeoutMs }) : session.close());
    await this.#loop;
  }
}
