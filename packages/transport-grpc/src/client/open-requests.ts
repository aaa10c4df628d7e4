import { AgentwireError, type Decision, type RequestId } from '@agentwire/core';
import type { AskOptions, EventBody, Exchange, ProxySession } from '@agentwire/core/session';

/** Requests that are not over, under ids of their caller's choice, which do not travel. */
export class OpenRequests {
  readonly #session: ProxySession;
  readonly #open = new Map<RequestId, Exchange>();

  constructor(session: ProxySession) {
    this.#session = session;
  }

  /** Requests that are not over. */
  get size(): number {
    for (const [id, exchange] of this.#open) if (exchange.ended) this.#open.delete(id);
    return this.#open.size;
  }

  /** Asks about the first event of a request. @throws AgentwireError `ERR_DUPLICATE_REQUEST` while that id is taken. */
  async first(id: RequestId, event: EventBody, options: AskOptions | undefined): Promise<Decision> {
    if (this.#open.get(id)?.ended === false) {
      throw new AgentwireError('ERR_DUPLICATE_REQUEST', `request ${String(id)} is not over; end it or take another id`);
    }
    const exchange = this.#session.open();
    this.#open.set(id, exchange);
    return this.#ask(id, exchange, event, options);
  }

  /** Asks about a later event. @throws AgentwireError `ERR_INVALID_STATE` without a first one. */
  async next(id: RequestId, event: EventBody, options: AskOptions | undefined): Promise<Decision> {
    const exchange = this.#open.get(id);
    if (exchange !== undefined) return this.#ask(id, exchange, event, options);
    throw new AgentwireError(
      'ERR_INVALID_STATE',
      `request ${String(id)} has not begun or is over; send its headers first`,
    );
  }

  async #ask(id: RequestId, exchange: Exchange, event: EventBody, options: AskOptions | undefined): Promise<Decision> {
    try {
      const decision = await exchange.ask(event, options);
      // nothing more of a request that was not let through reaches its agent
      if (decision.verdict.type !== 'allow') exchange.end();
      return decision;
    } finally {
      if (exchange.ended && this.#open.get(id) === exchange) this.#open.delete(id);
    }
  }

  /** Takes a request out, to end it. */
  take(id: RequestId): Exchange | undefined {
    const exchange = this.#open.get(id);
    this.#open.delete(id);
    return exchange;
  }
}
