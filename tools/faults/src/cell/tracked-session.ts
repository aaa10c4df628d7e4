import type { Decision } from '@agentwire/core';
import type { AskOptions, EventBody, ProxySession, ProxySessionOptions } from '@agentwire/core/session';
import { Asked, type Outcome } from './asked.ts';

/** A session whose every question is followed to its outcome. */
export class TrackedSession {
  session!: ProxySession;
  readonly asked: Asked = new Asked();
  closes = 0;
  #outcomes = 0;
  #accepted = 0;
  readonly #name: string;
  readonly #closing = Promise.withResolvers<void>();

  constructor(name: string) {
    this.#name = name;
  }

  /** Resolves when the connection is over. */
  get closed(): Promise<void> {
    return this.#closing.promise;
  }

  /** Options that let it count, around those of a row. */
  options(given: ProxySessionOptions): ProxySessionOptions {
    return {
      maxInFlight: 65_536,
      ...given,
      onOutcome: () => (this.#outcomes += 1),
      onClose: (reason, session) => {
        this.closes += 1;
        given.onClose?.(reason, session);
        this.#closing.resolve();
      },
    };
  }

  /** Asks about one event; the outcome never rejects. */
  ask(event: EventBody, options: AskOptions = {}): Promise<Outcome> {
    return this.follow((one) => one.request(event, options), options.timeoutMs);
  }

  /** Follows one question that `question` asks on this session. */
  follow(question: (session: ProxySession) => Promise<Decision>, timeoutMs: number = 30_000): Promise<Outcome> {
    const before = this.session.pending + this.#outcomes;
    const promise = question(this.session);
    // what is refused at once was never taken, and has no outcome to count
    this.#accepted += this.session.pending + this.#outcomes - before;
    return this.asked.follow(promise, timeoutMs);
  }

  /** Lists violations after the row has ended. @param starvedMs time that the machine did not schedule this process */
  findings(starvedMs: number): string[] {
    const { session, asked } = this;
    const found = asked.findings(starvedMs);
    const expect = (what: string, is: number, want: number): void => {
      if (is !== want) found.push(`${what} is ${is}, and ${want} is right (${asked.words})`);
    };
    expect('pending', session.pending, 0);
    expect('inFlight', session.inFlight, 0);
    expect('the number of outcomes', this.#outcomes, this.#accepted);
    expect('stats.timeouts', session.stats.timeouts, asked.failed('ERR_TIMEOUT'));
    expect('stats.answers', session.stats.answers, asked.decided + asked.failedByAgent);
    if (session.connection.status === 'closed') expect('the number of onClose calls', this.closes, 1);
    return found.map((text) => `${this.#name}: ${text}`);
  }
}
