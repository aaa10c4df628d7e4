import { AgentwireError, type Decision, type RequestId } from '@agentwire/core';
import type { EventBody } from '@agentwire/core/session';
import type { ResolvedPoolOptions } from '../options.ts';
import {
  ALONE_BITS,
  BODY_BITS,
  checkAskOptions,
  checkEvent,
  EVENT_BIT,
  type PoolAskOptions,
  type Question,
} from '../question.ts';
import { type Affinities, type Affinity, affinityFor, duplicateRequest } from './affinities.ts';
import type { AgentConnections } from './agent-connections.ts';
import type { ConnectionPicker } from './connection-picker.ts';
import type { PooledConnection } from './pooled-connection.ts';
import type { RequestQueue } from './request-queue.ts';
import type { StickySession, StickySessions } from './sticky-sessions.ts';

/** Parts of an agent that a {@link RequestRouter} uses. */
export interface RequestRouterDeps {
  readonly agent: string;
  readonly options: ResolvedPoolOptions;
  readonly connections: AgentConnections;
  readonly picker: ConnectionPicker;
  readonly affinities: Affinities;
  readonly queue: RequestQueue;
  readonly sticky: StickySessions;
}

/** Routes every event of an agent's requests: to the connection that knows its request, to a free one, or into the queue. */
export class RequestRouter {
  /** Error for every new event, once the agent is being stopped. */
  refusal: AgentwireError | undefined;
  readonly #agent: string;
  readonly #options: ResolvedPoolOptions;
  readonly #connections: AgentConnections;
  readonly #picker: ConnectionPicker;
  readonly #affinities: Affinities;
  readonly #queue: RequestQueue;
  readonly #sticky: StickySessions;

  constructor({ agent, options, connections, picker, affinities, queue, sticky }: RequestRouterDeps) {
    this.#agent = agent;
    this.#options = options;
    this.#connections = connections;
    this.#picker = picker;
    this.#affinities = affinities;
    this.#queue = queue;
    this.#sticky = sticky;
  }

  /** Sends an event to the agent; rejects with a typed error. */
  ask(question: Question, options?: PoolAskOptions): Promise<Decision> {
    try {
      checkEvent(question);
      checkAskOptions(options);
      const { type, id } = question;
      const { fitness } = this.#connections;
      const eventBit = EVENT_BIT[type];
      // an event that no connection takes goes to any of them, because its caller wants it asked
      const bit = this.#connections.takes & eventBit;
      if (options?.only === true || (eventBit & ALONE_BITS) !== 0)
        return this.#whenFree(undefined, bit, question, options);
      const known = this.#affinities.get(id);
      if (known !== undefined && type !== 'requestHeaders') {
        const affinity = affinityFor(known, bit);
        if (affinity !== undefined)
          return this.#andBody(
            type,
            id,
            affinity.exchange.ask(question, fitness.slow ? this.#timed(options) : options),
          );
      } else {
        if (known?.exchange.ended === false) throw duplicateRequest(id);
        if ((eventBit & BODY_BITS) !== 0) this.#checkHeadless(type, id);
      }
      if (this.#queue.length > 0 && this.#queue.has(id)) throw duplicateRequest(id);
      this.#affinities.makeRoom();
      return this.#whenFree(id, bit, question, options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Refuses a body without a head before it, where the agent takes that head. */
  #checkHeadless(type: Question['type'], id: RequestId): void {
    const { requestHeaders, responseHeaders } = EVENT_BIT;
    const heads = type === 'requestBodyChunk' ? requestHeaders : requestHeaders | responseHeaders;
    if ((this.#connections.takes & heads) === 0) return;
    const message = `${this.#agent} has no live request ${String(id)}: its headers come first`;
    throw new AgentwireError('ERR_INVALID_STATE', message);
  }

  /**
   * Asks on a free connection, now or as soon as there is one; the time in the queue counts.
   *
   * @param id the request's, where more of its events may come; `undefined` for an event alone
   */
  #whenFree(
    id: RequestId | undefined,
    bit: number,
    question: Question,
    options: PoolAskOptions | undefined,
  ): Promise<Decision> {
    if (this.refusal !== undefined) throw this.refusal;
    const stickyId = options?.stickySession;
    const sticky = stickyId === undefined ? undefined : this.#sticky.open(stickyId);
    const connection = this.#picker.pick(bit, question, sticky);
    if (connection !== undefined) return this.#askOn(connection, id, question, options);
    return this.#enqueue(id, bit, question, options, sticky);
  }

  /** Queues an event until a connection is free. */
  #enqueue(
    id: RequestId | undefined,
    bit: number,
    question: Question,
    options: PoolAskOptions | undefined,
    sticky: StickySession | undefined,
  ): Promise<Decision> {
    const { clock, requestTimeoutMs } = this.#options;
    const timeoutMs = options?.timeoutMs ?? requestTimeoutMs;
    const until = clock.now() + timeoutMs;
    return this.#queue.enqueue(
      () => {
        const free = this.#picker.pick(bit, question, sticky);
        return free && this.#askOn(free, id, question, { ...options, timeoutMs: Math.max(0, until - clock.now()) });
      },
      { id, timeoutMs, signal: options?.signal, isPaused: () => this.#picker.waitsForResume },
    );
  }

  #askOn(
    connection: PooledConnection,
    id: RequestId | undefined,
    question: Question,
    options: PoolAskOptions | undefined,
  ): Promise<Decision> {
    if (id !== undefined) return this.#askFirst(connection, question, options);
    return connection.request(question, this.#connections.fitness.slow ? this.#timed(options) : options);
  }

  /** Asks on a connection that does not know the request yet. */
  #askFirst(
    connection: PooledConnection,
    question: EventBody & { readonly id: RequestId },
    options?: PoolAskOptions,
  ): Promise<Decision> {
    const { type, id } = question;
    const { fitness } = this.#connections;
    const exchange = connection.open();
    const known = type === 'requestHeaders' ? undefined : this.#affinities.get(id);
    if (known === undefined) this.#affinities.add(id, exchange, connection.takes, options?.keep === true);
    else this.#affinities.extend(known, exchange, connection.takes);
    return this.#andBody(type, id, exchange.ask(question, fitness.slow ? this.#timed(options) : options));
  }

  /** Gives a degraded agent the time that it asks for, where the caller sets none. */
  #timed(options: PoolAskOptions | undefined): PoolAskOptions | undefined {
    if (options?.timeoutMs !== undefined) return options;
    const { timeoutFactor } = this.#connections.fitness;
    return { ...options, timeoutMs: this.#options.requestTimeoutMs * timeoutFactor };
  }

  /** Makes a head that was allowed where no bodies are taken ask for its body, if another connection takes that. */
  #andBody(type: EventBody['type'], id: RequestId, answer: Promise<Decision>): Promise<Decision> {
    if (!this.#connections.mixed || (type !== 'requestHeaders' && type !== 'responseHeaders')) return answer;
    const bit = type === 'requestHeaders' ? EVENT_BIT.requestBodyChunk : EVENT_BIT.responseBodyChunk;
    const affinity = this.#affinities.get(id);
    if (affinity === undefined || !this.isElsewhere(affinity, bit)) return answer;
    return answer.then((decision) => (decision.verdict.type === 'allow' ? { ...decision, needsMore: true } : decision));
  }

  /** Returns whether events with one of these bits are taken only by connections that do not know the request. */
  isElsewhere(affinity: Affinity, bits: number): boolean {
    let elsewhere = this.#connections.takes & bits;
    for (let at: Affinity | undefined = affinity; at !== undefined; at = at.other) elsewhere &= ~at.takes;
    return elsewhere !== 0;
  }
}
