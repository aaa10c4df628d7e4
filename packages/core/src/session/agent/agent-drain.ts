import type { Clock } from '../../clock.ts';
import { atMost } from '../../idle-waiters.ts';
import type { Logger } from '../../logger.ts';
import { checkInteger } from '../../options.ts';
import type { PingSender } from '../keepalive.ts';
import type { AgentSession } from './agent-session.ts';

/** Time that a drain waits for the pong which shows that the proxy has received it, in milliseconds. */
const CATCH_UP_MS = 5_000;

/** Silence after which a proxy without drain messages is left, and the interval of the checks, in milliseconds. */
const QUIET_MS = 1_000;
const CHECK_MS = 250;

/** Interval of pings to a proxy that has half-closed, in milliseconds. */
const PROBE_MS = 1_000;

/** Dependencies of an {@link AgentDrain}. */
interface AgentDrainDeps {
  readonly session: AgentSession;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly pings: PingSender;
  /** Default timeout, in milliseconds. */
  readonly timeoutMs: number;
  /** Cancels every request that is left. */
  readonly cancelRest: () => void;
}

/** Ends an agent's session without losing events that the proxy has already sent. */
export class AgentDrain {
  readonly #deps: AgentDrainDeps;
  readonly #closed: PromiseWithResolvers<void> = Promise.withResolvers<void>();
  #over = false;
  #caughtUp: PromiseWithResolvers<void> = Promise.withResolvers<void>();
  #awaitedPong = 0;

  constructor(deps: AgentDrainDeps) {
    this.#deps = deps;
  }

  /** Runs {@link AgentSession.drain}. */
  async run(options?: { readonly timeoutMs?: number }): Promise<void> {
    const { session, timeoutMs: defaultMs } = this.#deps;
    const timeoutMs = checkInteger('timeoutMs', Math.round(options?.timeoutMs ?? defaultMs), 0, 86_400_000);
    const idle = this.#catchUp(timeoutMs).then(() => session.whenIdle());
    await this.#finish(idle, timeoutMs);
    // a proxy without drain messages keeps its side open, and sends events until it sees that the connection has ended
    if (!this.#drainKnown && session.connection.bufferedBytes === 0) session.connection.abort();
    await session.close();
  }

  /** Answers what is pending, for the default timeout at most, and closes: the proxy has half-closed, so nothing more comes. */
  async afterPeerEnd(): Promise<void> {
    const { session, timeoutMs } = this.#deps;
    void this.#probe();
    await this.#finish(session.whenIdle(), timeoutMs);
    await session.close();
  }

  /** Sends a ping per second: no pong can come, but the system of a proxy that is gone resets the connection. */
  async #probe(): Promise<void> {
    try {
      while (!this.#over && this.#deps.pings.send()) await this.#orClosed(this.#closed.promise, PROBE_MS);
    } catch {
      // the connection is ending, which is what a probe is to find out
    }
  }

  async #finish(idle: Promise<void>, timeoutMs: number): Promise<void> {
    await this.#orClosed(idle, timeoutMs);
    this.#over = true;
    this.#deps.cancelRest();
  }

  /** Resolves with `promise`, when the connection has ended, or after `timeoutMs`. */
  #orClosed(promise: Promise<void>, timeoutMs: number): Promise<void> {
    return atMost(this.#deps.clock, timeoutMs, Promise.race([promise, this.#closed.promise]));
  }

  /** True if the proxy knows drain messages and has one for an open stream. */
  get #drainKnown(): boolean {
    return this.#deps.session.connection.peer.dialect !== 'zentinel';
  }

  /** Keeps answering until no event has come for {@link QUIET_MS}. */
  async #quiet(): Promise<void> {
    const { session } = this.#deps;
    let { events } = session.stats;
    for (let quietMs = 0; quietMs < QUIET_MS && !this.#over; quietMs += CHECK_MS) {
      await this.#orClosed(this.#closed.promise, CHECK_MS);
      if (session.stats.events !== events) quietMs = -CHECK_MS;
      ({ events } = session.stats);
    }
  }

  /**
   * Sends the drain and a ping, and waits for the pong: everything that the proxy sent before it received the drain has come
   * then. Events that are still on the way when the connection closes would fail.
   */
  async #catchUp(timeoutMs: number): Promise<void> {
    const { session, logger, pings } = this.#deps;
    const { connection } = session;
    if (connection.status !== 'open') return;
    try {
      session.notify({ type: 'drain', durationMs: timeoutMs });
      if (!this.#drainKnown) return await this.#quiet();
      if (!pings.send()) return;
    } catch (error) {
      logger.warn({ connection: connection.id, err: error }, 'a drain could not be sent to the proxy');
      return;
    }
    this.#awaitedPong = pings.sequence;
    this.#caughtUp = Promise.withResolvers<void>();
    await this.#orClosed(this.#caughtUp.promise, Math.min(timeoutMs, CATCH_UP_MS));
  }

  /** Receives a pong of the proxy. */
  onPong(sequence: number): void {
    if (sequence === this.#awaitedPong) this.#caughtUp.resolve();
  }

  /** Ends every wait: the connection has ended. */
  onClose(): void {
    this.#over = true;
    this.#closed.resolve();
  }
}
