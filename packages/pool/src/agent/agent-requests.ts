import { AgentwireError, type Decision, type RequestId } from '@agentwire/core';
import type { Completion, EventBody, Exchange } from '@agentwire/core/session';
import type { ResolvedPoolOptions } from '../options.ts';
import { checkAskOptions, checkEvent, type PoolAskOptions, type Question, standsAlone } from '../question.ts';
import { type Affinity, Affinities, duplicateRequest, legFor, pendingOf } from './affinities.ts';
import type { AgentConnections } from './agent-connections.ts';
import { BODY_BITS, EVENT_BIT } from './event-bits.ts';
import type { PooledConnection } from './pooled-connection.ts';
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
      checkEvent(question);
      checkAskOptions(options);
      const { type, id } = question;
      // what no connection takes goes to any, because its caller wants it asked
      const bit = this.#connections.takes & EVENT_BIT[type];
      if (options?.only === true || standsAlone(type))
        return this.#whenFree(undefined, bit, options, (place, rest) => place.request(question, rest));
      const known = this.#affinities.get(id);
      if (known !== undefined && type !== 'requestHeaders') {
        const leg = legFor(known, bit);
        if (leg !== undefined) return this.#andBody(type, id, leg.exchange.ask(question, options));
      } else {
        if (known?.exchange.ended === false) throw duplicateRequest(id);
        if ((EVENT_BIT[type] & BODY_BITS) !== 0) this.#checkHeadless(type, id);
      }
      if (this.#line.length > 0 && this.#line.has(id)) throw duplicateRequest(id);
      this.#affinities.makeRoom();
      return this.#whenFree(id, bit, options, (place, rest) => this.#askFirst(place, question, rest));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** A body whose head the agent was to see begins with that head. */
  #checkHeadless(type: Question['type'], id: RequestId): void {
    const { requestHeaders, responseHeaders } = EVENT_BIT;
    const heads = type === 'requestBodyChunk' ? requestHeaders : requestHeaders | responseHeaders;
    if ((this.#connections.takes & heads) !== 0) throw this.#noHeaders(id);
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
    bit: number,
    options: PoolAskOptions | undefined,
    ask: (place: PooledConnection, options?: PoolAskOptions) => Promise<Decision>,
  ): Promise<Decision> {
    if (this.#refusal !== undefined) throw this.#refusal;
    const place = this.#picker.pick(bit);
    if (place !== undefined) return ask(place, options);
    const { clock, requestTimeoutMs } = this.#options;
    const timeoutMs = options?.timeoutMs ?? requestTimeoutMs;
    const until = clock.now() + timeoutMs;
    return this.#line.wait(
      () => {
        const free = this.#picker.pick(bit);
        return free && ask(free, { ...options, timeoutMs: Math.max(0, until - clock.now()) });
      },
      { id, timeoutMs, signal: options?.signal },
    );
  }

  /** Asks on a connection that does not know the request yet. */
  #askFirst(
    place: PooledConnection,
    question: EventBody & { readonly id: RequestId },
    options?: PoolAskOptions,
  ): Promise<Decision> {
    const { type, id } = question;
    const exchange = place.open();
    const known = type === 'requestHeaders' ? undefined : this.#affinities.get(id);
    if (known === undefined) this.#affinities.add(id, exchange, place.takes, options?.keep === true);
    else this.#affinities.extend(known, exchange, place.takes);
    return this.#andBody(type, id, exchange.ask(question, options));
  }

  /** A head that was allowed where no bodies are taken asks for its body, if another connection takes that. */
  #andBody(type: EventBody['type'], id: RequestId, answer: Promise<Decision>): Promise<Decision> {
    if (!this.#connections.mixed || (type !== 'requestHeaders' && type !== 'responseHeaders')) return answer;
    const bit = type === 'requestHeaders' ? EVENT_BIT.requestBodyChunk : EVENT_BIT.responseBodyChunk;
    const affinity = this.#affinities.get(id);
    if (affinity === undefined || !this.#isElsewhere(affinity, bit)) return answer;
    return answer.then((decision) => (decision.verdict.type === 'allow' ? { ...decision, needsMore: true } : decision));
  }

  /** Whether events with one of these bits are taken by connections alone that do not know the request. */
  #isElsewhere(affinity: Affinity, bits: number): boolean {
    let elsewhere = this.#connections.takes & bits;
    for (let at: Affinity | undefined = affinity; at !== undefined; at = at.other) elsewhere &= ~at.takes;
    return elsewhere !== 0;
  }

  /** Forgets the request of an exchange if this outcome was its end, and lets in who waits for the room that it left. */
  answered(exchange: Exchange, outcome: Decision | AgentwireError): void {
    const affinity = exchange.owner as Affinity | undefined;
    if (affinity !== undefined && pendingOf(affinity) === 0 && this.#isOver(affinity, outcome))
      this.#affinities.remove(affinity);
    if (this.#line.length > 0) this.#line.advance();
  }

  #isOver(affinity: Affinity, outcome: Decision | AgentwireError): boolean {
    const { later, mixed } = this.#connections;
    if (!endsRequest(outcome, later)) return false;
    const mayGoOn = mixed && !(outcome instanceof AgentwireError) && outcome.verdict.type === 'allow';
    return !mayGoOn || !this.#isElsewhere(affinity, BODY_BITS);
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
    let told = false;
    for (let at = affinity; at !== undefined; at = at.other) {
      at.exchange.complete(summary);
      told ||= (at.takes & EVENT_BIT.requestComplete) !== 0;
    }
    if (affinity !== undefined) this.#affinities.remove(affinity);
    return (!told && this.#completeUnasked(affinity !== undefined, summary)) || affinity !== undefined;
  }

  /** The end of a request for who takes ends but was not asked about this one: another instance, or an agent for ends alone. */
  #completeUnasked(known: boolean, summary: Completion): boolean {
    const { takes } = this.#connections;
    const { requestHeaders, requestComplete } = EVENT_BIT;
    if ((takes & requestComplete) === 0 || this.#refusal !== undefined) return false;
    // an agent that takes heads and was not asked never heard of the request
    if (!known && (takes & requestHeaders) !== 0) return false;
    const place = this.#picker.pickForNotice(requestComplete);
    if (place === undefined) return false;
    try {
      place.open().complete(summary);
      return true;
    } catch {
      // it drains, or has as many requests as it can have: nobody could do anything about it
      return false;
    }
  }

  /** Gives a request up; a finished or unknown id is nothing to do. */
  cancel(id: RequestId): boolean {
    if (this.#line.length > 0 && this.#line.cancel(id, gaveUp('cancelled'))) return true;
    const affinity = this.#affinities.get(id);
    if (affinity === undefined) return false;
    for (let at: Affinity | undefined = affinity; at !== undefined; at = at.other)
      at.exchange.cancel('client_disconnect');
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
