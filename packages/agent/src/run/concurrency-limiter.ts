import { AgentwireError, type Clock, type Logger } from '@agentwire/core';
import { IdleWaiters } from '@agentwire/core/internal';
import type { AgentSession } from '@agentwire/core/session';
import { notifyProxy } from '../runtime/notify.ts';

/** Part of the limit at which proxies are asked to resume. */
const RESUME_AT = 0.8;

/**
 * Limits the handlers that work at once, over all connections. At the limit it asks proxies to pause, where they understand
 * that; past it a request is refused.
 */
export class ConcurrencyLimiter {
  /** Number of events that wait for their handlers; a handler that waits for the proxy's next chunk does not count. */
  running = 0;
  /** Number of handlers that have not decided, those that wait for a chunk included. */
  undecided = 0;
  paused = false;
  readonly #limit: number;
  readonly #sessions: ReadonlySet<AgentSession>;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #idle: IdleWaiters | undefined;

  constructor(limit: number, sessions: ReadonlySet<AgentSession>, clock: Clock, logger: Logger) {
    this.#limit = limit;
    this.#sessions = sessions;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** Checks that one more request may run. @throws AgentwireError `ERR_OVERLOADED` at the limit */
  check(): void {
    if (this.running < this.#limit) return;
    throw new AgentwireError(
      'ERR_OVERLOADED',
      `${this.#limit} requests are being worked on, as many as maxConcurrentRequests allows`,
    );
  }

  /** Counts an event that begins to wait for its handler. */
  enter(): void {
    this.running += 1;
    if (this.running < this.#limit || this.paused) return;
    this.paused = true;
    this.renewPause();
  }

  /** Counts an event that has its answer. */
  leave(): void {
    this.running -= 1;
    if (!this.paused || this.running > this.#limit * RESUME_AT) return;
    this.paused = false;
    for (const session of this.#sessions) this.#signal(session, 'resume');
  }

  /** Counts a handler that has returned a promise. */
  begin(): void {
    this.undecided += 1;
  }

  /** Counts a handler that has decided, or has been given up. */
  end(): void {
    this.undecided -= 1;
    if (this.undecided === 0) this.#idle?.notify();
  }

  /** Repeats the pause, because proxies treat one that is not renewed as a dead agent. */
  renewPause(): void {
    if (!this.paused) return;
    for (const session of this.#sessions) this.#signal(session, 'pause');
  }

  /** Sends the pause to a proxy that has just connected. */
  greet(session: AgentSession): void {
    if (this.paused) this.#signal(session, 'pause');
  }

  /** Resolves when every handler has decided. */
  whenIdle(): Promise<void> {
    return this.undecided === 0 ? Promise.resolve() : (this.#idle ??= new IdleWaiters()).wait();
  }

  #signal(session: AgentSession, action: 'pause' | 'resume'): void {
    notifyProxy(session, { type: 'flowControl', action, timestampMs: this.#clock.wallNow() }, this.#logger);
  }
}
