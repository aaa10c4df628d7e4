import { AgentwireError } from '@agentwire/core';
import type { AgentSession } from '@agentwire/core/session';

/** Below this part of the bound proxies are asked to go on. */
const RESUME_AT = 0.8;

/**
 * Counts what handlers work on over all connections. At the bound it asks proxies to pause, where they understand that;
 * past it a request is refused.
 */
export class Admission {
  /** Handlers that have not decided yet. */
  running = 0;
  paused = false;
  readonly #max: number;
  readonly #sessions: ReadonlySet<AgentSession>;
  readonly #wallNow: () => number;
  #whenIdle: (() => void)[] = [];

  constructor(max: number, sessions: ReadonlySet<AgentSession>, wallNow: () => number) {
    this.#max = max;
    this.#sessions = sessions;
    this.#wallNow = wallNow;
  }

  /** Throws `ERR_OVERLOADED` where one more request would be one too many. */
  check(): void {
    if (this.running < this.#max) return;
    throw new AgentwireError(
      'ERR_OVERLOADED',
      `${this.#max} requests are being worked on, as many as maxConcurrentRequests allows`,
    );
  }

  begin(): void {
    this.running += 1;
    if (this.running < this.#max || this.paused) return;
    this.paused = true;
    this.renew();
  }

  end(): void {
    this.running -= 1;
    if (this.paused && this.running <= this.#max * RESUME_AT) {
      this.paused = false;
      for (const session of this.#sessions) this.#signal(session, 'resume');
    }
    if (this.running > 0 || this.#whenIdle.length === 0) return;
    const waiting = this.#whenIdle;
    this.#whenIdle = [];
    for (const done of waiting) done();
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

  /** Resolves when no handler works. */
  whenIdle(): Promise<void> {
    if (this.running === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#whenIdle.push(resolve);
    });
  }

  #signal(session: AgentSession, action: 'pause' | 'resume'): void {
    session.notify({ type: 'flowControl', action, timestampMs: this.#wallNow() });
  }
}
