import type { Clock } from '../clock.ts';
import type { Logger } from '../logger.ts';
import { checkInteger } from '../options.ts';
import type { AgentSession } from './agent-session.ts';
import type { PingSender } from './ping-sender.ts';

/** How long a drain waits for a proxy's sign that it has heard of it, in milliseconds. */
const CATCH_UP_MS = 5_000;

/** How long nothing must come from a proxy that knows no drain before it is left, in milliseconds, and how often to look. */
const QUIET_MS = 1_000;
const LOOK_MS = 250;

/** What {@link AgentDrain} works with. */
interface AgentDrainSubject {
  readonly session: AgentSession;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly pings: PingSender;
  /** Default timeout, in milliseconds. */
  readonly timeoutMs: number;
  /** Cancels every request that is left. */
  readonly cancelRest: () => void;
}

/** Ends an agent's session without a loss for what the proxy has sent. */
export class AgentDrain {
  readonly #subject: AgentDrainSubject;
  readonly #closed: PromiseWithResolvers<void> = Promise.withResolvers<void>();
  #over = false;
  #caughtUp: PromiseWithResolvers<void> = Promise.withResolvers<void>();
  #awaitedPong = 0;

  constructor(subject: AgentDrainSubject) {
    this.#subject = subject;
  }

  /** {@link AgentSession.drain}. */
  async run(options?: { readonly timeoutMs?: number }): Promise<void> {
    const { session, timeoutMs: defaultMs } = this.#subject;
    const timeoutMs = checkInteger('timeoutMs', Math.round(options?.timeoutMs ?? defaultMs), 0, 86_400_000);
    await this.#finish(
      this.#catchUp(timeoutMs).then(() => session.whenIdle()),
      timeoutMs,
    );
    // a proxy that knows no drain keeps its side open, and goes on asking until it sees that nobody is there
    if (this.#deaf && session.connection.bufferedBytes === 0) session.connection.abort();
    await session.close();
  }

  /** Answers what is pending, for the default timeout at most, and closes: the proxy has half-closed, so nothing more comes. */
  async afterPeerEnd(): Promise<void> {
    const { session, timeoutMs } = this.#subject;
    await this.#finish(session.whenIdle(), timeoutMs);
    await session.close();
  }

  async #finish(idle: Promise<void>, timeoutMs: number): Promise<void> {
    const { clock, cancelRest } = this.#subject;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = clock.setTimeout(resolve, timeoutMs);
    await Promise.race([idle, this.#closed.promise, promise]);
    clock.clearTimeout(timer);
    this.#over = true;
    cancelRest();
  }

  /** Whether the proxy knows no drain, or has none for a stream that is open. */
  get #deaf(): boolean {
    return this.#subject.session.connection.peer.dialect === 'zentinel';
  }

  /** Goes on answering until nothing has come for a while. */
  async #quiet(): Promise<void> {
    const { session, clock } = this.#subject;
    let seen = session.stats.events;
    for (let quietMs = 0; quietMs < QUIET_MS && !this.#over; quietMs += LOOK_MS) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = clock.setTimeout(resolve, LOOK_MS);
      await Promise.race([promise, this.#closed.promise]);
      clock.clearTimeout(timer);
      if (session.stats.events !== seen) quietMs = -LOOK_MS;
      seen = session.stats.events;
    }
  }

  /**
   * Tells the proxy of the drain and waits until everything is here that it had sent before it heard of it: its pong comes
   * behind that. Whatever is still on the way when the connection closes would fail there with nobody at fault.
   */
  async #catchUp(timeoutMs: number): Promise<void> {
    const { session, clock, logger, pings } = this.#subject;
    const { connection } = session;
    if (connection.status !== 'open') return;
    try {
      session.notify({ type: 'drain', durationMs: timeoutMs });
      if (this.#deaf) return await this.#quiet();
      if (!pings.send()) return;
    } catch (error) {
      logger.warn({ connection: connection.id, err: error }, 'the proxy could not be told of a drain');
      return;
    }
    this.#awaitedPong = pings.sequence;
    this.#caughtUp = Promise.withResolvers<void>();
    const timer = clock.setTimeout(this.#caughtUp.resolve, Math.min(timeoutMs, CATCH_UP_MS));
    await Promise.race([this.#caughtUp.promise, this.#closed.promise]);
    clock.clearTimeout(timer);
  }

  /** The proxy answered a ping. */
  onPong(sequence: number): void {
    if (sequence === this.#awaitedPong) this.#caughtUp.resolve();
  }

  /** The connection is over: there is nothing to wait for. */
  onClose(): void {
    this.#over = true;
    this.#closed.resolve();
  }
}
