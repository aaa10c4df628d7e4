import { AgentwireError, type Decision, type RequestId } from '@agentwire/core';
import type { Completion, EventBody, Exchange, ProxySession } from '@agentwire/core/session';
import type { ResolvedPoolOptions } from '../options.ts';
import { checkAskOptions, type PoolAskOptions, type Question, standsAlone } from '../question.ts';
import { type Affinity, Affinities, duplicateRequest } from './affinities.ts';
import type { AgentConnections } from './agent-connections.ts';
import { endsRequest } from './request-end.ts';
import { SessionPicker } from './session-picker.ts';
import { WaitingLine } from './waiting-line.ts';

/** The requests of one agent: those that are live, those that wait for a connection, and the way of every question. */
export class AgentRequests {
  readonly #agent: string;
  readonly #options: ResolvedPoolOptions;
  readonly #connections: AgentConnections;
  readonly #picker: SessionPicker;
  readonly #affinities: Affinities;
  readonly #line: WaitingLine;
  /** What new requests are told once the agent is being stopped. */
  #refusal: AgentwireError | undefined;

  constructor(agent: string, endpoint: string, options: ResolvedPoolOptions, connections: AgentConnections) {
    this.#agent = agent;
    this.#options = options;
    this.#connections = connections;
    this.#picker = new SessionPicker(agent, endpoint, options, connections);
    this.#affinities = new Affinities(
      options.clock,
      options.maxCorrelationAffinities,
      options.correlationAffinityTtlMs,
    );
    this.#line = new WaitingLine(options.clock, options.maxQueuedPerAgent);
  }

  /** Requests that wait for a free connection. */
  get waiting(): number {
    return this.#line.length;
  }

  /** Requests that are remembered because more of them may come. */
  get live(): number {
    return this.#affinities.size;
  }

  /** Asks the agent; rejects with a typed error. */
  ask(question: Question, options?: PoolAskOptions): Promise<Decision> {
    try {
      checkAskOptions(options);
      if (options?.only === true || standsAlone(question.type))
        return this.#whenFree(undefined, options, (session, rest) => session.request(question, rest));
      const known = this.#affinities.get(question.id);
      if (known !== undefined) {
        if (question.type !== 'requestHeaders') return known.exchange.ask(question, options);
        if (!known.exchange.ended) throw duplicateRequest(question.id);
      }
      if (question.type === 'requestBodyChunk' || question.type === 'responseBodyChunk')
        throw this.#noHeaders(question.id);
      if (this.#line.length > 0 && this.#line.has(question.id)) throw duplicateRequest(question.id);
      this.#affinities.makeRoom();
      return this.#whenFree(question.id, options, (session, rest) => this.#askFirst(session, question, rest));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #noHeaders(id: RequestId): AgentwireError {
    return new AgentwireError(
      'ERR_INVALID_STATE',
      `${this.#agent} has no live request ${String(id)}: its headers come first`,
    );
  }

  /** Asks on a free connection, now or as soon as there is one; the time spent waiting counts. */
  #whenFree(
    id: RequestId | undefined,
    options: PoolAskOptions | undefined,
    ask: (session: ProxySession, options?: PoolAskOptions) => Promise<Decision>,
  ): Promise<Decision> {
    if (this.#refusal !== undefined) throw this.#refusal;
    const session = this.#picker.pick();
    if (session !== undefined) return ask(session, options);
    const { clock, requestTimeoutMs } = this.#options;
    const timeoutMs = options?.timeoutMs ?? requestTimeoutMs;
    const until = clock.now() + timeoutMs;
    return this.#line.wait(
      () => {
        const free = this.#picker.pick();
        return free && ask(free, { ...options, timeoutMs: Math.max(0, until - clock.now()) });
      },
      { id, timeoutMs, signal: options?.signal },
    );
  }

  #askFirst(
    session: ProxySession,
    question: EventBody & { readonly id: RequestId },
    options?: PoolAskOptions,
  ): Promise<Decision> {
    const exchange = session.open();
    this.#affinities.add(question.id, exchange);
    return exchange.ask(question, options);
  }

  /** Forgets the request of an exchange if this outcome was its end, and lets in who waits for the room that it left. */
  answered(exchange: Exchange, outcome: Decision | AgentwireError): void {
    const affinity = exchange.owner as Affinity | undefined;
    if (affinity !== undefined && exchange.pending === 0 && endsRequest(outcome, this.#connections.later))
      this.#affinities.remove(affinity);
    if (this.#line.length > 0) this.#line.advance();
  }

  /** Lets in who waits and has a connection now, and tells who has nothing to wait for any more. */
  advance(): void {
    this.#line.advance();
  }

  /** Tells the agent that a request is over. @returns whether it had been told of it before */
  complete(id: RequestId, summary: Completion): boolean {
    // an error costs more than all the rest of this, so one is made only where somebody may wait for it
    if (this.#line.length > 0 && this.#line.cancel(id, gaveUp('completed'))) return false;
    const affinity = this.#affinities.get(id);
    if (affinity === undefined) return false;
    affinity.exchange.complete(summary);
    this.#affinities.remove(affinity);
    return true;
  }

  /** Gives a request up; a finished or unknown id is nothing to do. */
  cancel(id: RequestId): boolean {
    if (this.#line.length > 0 && this.#line.cancel(id, gaveUp('cancelled'))) return true;
    const affinity = this.#affinities.get(id);
    if (affinity === undefined) return false;
    affinity.exchange.cancel('client_disconnect');
    this.#affinities.remove(affinity);
    return true;
  }

  /** Gives every request up. */
  cancelAll(): void {
    this.#line.clear(gaveUp('cancelled'));
    this.#connections.cancelAll();
    this.#affinities.clear();
  }

  /** Forgets what has been silent for too long. */
  sweep(): void {
    this.#affinities.sweep();
  }

  /** Takes nothing new, tells callers so with `error`, and resolves when nobody waits any more, or after `timeoutMs`. */
  drain(error: AgentwireError, timeoutMs: number): Promise<void> {
    this.#refusal = error;
    return this.#line.emptied(timeoutMs);
  }

  /** Takes nothing new, and fails with `error` who waits and who comes. */
  refuse(error: AgentwireError): void {
    this.#refusal = error;
    this.#line.clear(error);
  }

  /** Forgets every live request. */
  forgetAll(): void {
    this.#affinities.clear();
  }
}

function gaveUp(how: string): AgentwireError {
  return new AgentwireError('ERR_ABORTED', `the request was ${how} while it waited for a free connection`);
}
