import { AgentwireError, type Clock, type Logger } from '@agentwire/core';
import { IdleWaiters } from '@agentwire/core/internal';
import type { AgentSession } from '@agentwire/core/session';
import { tell } from './tell.ts';

/** Below this part of the bound proxies are asked to go on. */
const RESUME_AT = 0.8;

/**
 * Counts what handlers work on over all connections. At the bound it asks proxies to pause, where they understand that;
 * past it a request is refused.
 */
export class Admission {
  /** Events that wait for their handlers; a handler that waits for the proxy's next chunk works on nothing. */
  running = 0;
  /** Handlers that have not decided, those that wait for a chunk included. */
  undecided = 0;
  paused = false;
  readonly #max: number;
  readonly #sessions: ReadonlySet<AgentSession>;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #idle = new IdleWaiters();

  constructor(max: number, sessions: ReadonlySet<AgentSession>, clock: Clock, logger: Logger) {
    this.#max = max;
    this.#sessions = sessions;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** Throws `ERR_OVERLOADED` where one more request would be one too many. */
  check(): void {
    if (this.running < this.#max) return;
    throw new AgentwireError(
      'ERR_OVERLOADED',
      `${this.#max} requests are being worked on, as many as maxConcurrentRequests allows`,
    );
  }

  /** An event waits for its handler. */
  enter(): void {
    this.running += 1;
    if (this.running < this.#max || this.paused) return;
    this.paused = true;
    this.renew();
  }

  /** An event has its answer. */
  leave(): void {
    this.running -= 1;
    if (!this.paused || this.running > this.#max * RESUME_AT) return;
    this.paused = false;
    for (const session of this.#sessions) this.#signal(session, 'resume');
  }

  /** A handler has not decided at once. */
  begin(): void {
    this.undecided += 1;
  }

  /** A handler has decided, or is not waited for any longer. */
  end(): void {
    this.undecided -= 1;
    if (this.undecided === 0) this.#idle.notify();
  }

  /** Says the pause again, because proxies take one that is not renewed for a dead agent. */
  renew(): void {
    if (!this.paused) return;
    for (const session of this.#sessions) this.#signal(session, 'pause');
  }

  /** Tells a proxy that has just connected. */
  greet(session: AgentSession): void {
    if (this.paused) this.#signal(session, 'pause');
  }

  /** Resolves when every handler has decided. */
  whenIdle(): Promise<void> {
    return this.undecided === 0 ? Promise.resolve() : this.#idle.wait();
  }

  #signal(session: AgentSession, action: 'pause' | 'resume'): void {
    tell(session, { type: 'flowControl', action, timestampMs: this.#clock.wallNow() }, this.#logger);
  }
}
