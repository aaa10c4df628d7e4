import { AgentwireError } from '../../errors.ts';
import type { CancelReason } from '../../message/control.ts';
import type { Decision } from '../../message/decision.ts';
import type { RequestId } from '../../message/events.ts';
import type { AskOptions, EventBody, Exchange } from './exchange.ts';
import type { ProxySession } from './proxy-session.ts';

/** Live requests of one session under the ids that its caller chose; those are never sent. */
export class LiveRequests {
  readonly #session: ProxySession;
  readonly #exchanges = new Map<RequestId, Exchange>();

  constructor(session: ProxySession) {
    this.#session = session;
  }

  /** Requests that have not ended. */
  get size(): number {
    for (const [id, exchange] of this.#exchanges) if (exchange.ended) this.#exchanges.delete(id);
    return this.#exchanges.size;
  }

  /** Begins a request with its first event. @throws AgentwireError `ERR_DUPLICATE_REQUEST` */
  async begin(id: RequestId, event: EventBody, options?: AskOptions): Promise<Decision> {
    if (this.#exchanges.get(id)?.ended === false) {
      throw new AgentwireError('ERR_DUPLICATE_REQUEST', `a live request has the id ${String(id)}; end it first`);
    }
    const exchange = this.#session.open();
    this.#exchanges.set(id, exchange);
    try {
      return await this.#ask(id, exchange, event, options);
    } catch (error) {
      // a request that did not begin is not live: its id is free for another try
      exchange.end();
      this.#forget(id, exchange);
      throw error;
    }
  }

  /** Sends the next event of a request. @throws AgentwireError `ERR_INVALID_STATE` */
  async next(id: RequestId, event: EventBody, options?: AskOptions): Promise<Decision> {
    const exchange = this.#exchanges.get(id);
    if (exchange === undefined) {
      throw new AgentwireError(
        'ERR_INVALID_STATE',
        `no live request has the id ${String(id)}; send its request headers first`,
      );
    }
    return this.#ask(id, exchange, event, options);
  }

  async #ask(id: RequestId, exchange: Exchange, event: EventBody, options?: AskOptions): Promise<Decision> {
    try {
      const decision = await exchange.ask(event, options);
      // an agent that blocks, redirects or challenges gets no more events of the request
      if (decision.verdict.type !== 'allow') exchange.end();
      return decision;
    } finally {
      if (exchange.ended) this.#forget(id, exchange);
    }
  }

  #forget(id: RequestId, exchange: Exchange): void {
    if (this.#exchanges.get(id) === exchange) this.#exchanges.delete(id);
  }

  /** Removes a request, to end it. */
  take(id: RequestId): Exchange | undefined {
    const exchange = this.#exchanges.get(id);
    this.#exchanges.delete(id);
    return exchange;
  }

  /** Cancels all of them. */
  cancelAll(reason: CancelReason | undefined): void {
    this.#exchanges.clear();
    this.#session.cancelAll(reason);
  }
}
