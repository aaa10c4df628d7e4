import { ALLOW, AgentwireError, type Decision } from '@agentwire/core';
import { containedAbortController } from '@agentwire/core/internal';
import type { AgentRequest } from '@agentwire/core/session';

const goneOn = (): AgentwireError => new AgentwireError('ERR_ABORTED', 'the proxy went on without this decision');

/** What an event gets at last: a decision, or nothing where nobody waits for one any more. */
export type Reply = Decision | undefined;

/** The answer to the head or a piece of a body that the handler goes on reading. */
export const CONTINUE: Decision = Object.freeze<Decision>({ verdict: ALLOW.verdict, needsMore: true });

/** What {@link Turns} needs of its runtime. */
export interface TurnsHost {
  /** Begins to watch the deadline of an event that waits. */
  watch(turns: Turns): void;
  /** Ends that. */
  unwatch(turns: Turns): void;
  /** Whether a later event has taken the place of the one that waits, so that an answer would be taken for another's. */
  overtaken(request: AgentRequest): boolean;
  /** A listener of a handler's signal threw. */
  onListenerError(error: unknown): void;
}

/**
 * Matches one running handler with the events that it answers: the head, and each piece of a body that it reads. At most
 * one event waits at a time, because a session hands over the next one only after the answer.
 */
export class Turns {
  /** When the event that waits must be answered, by the host's clock; the host's to set. */
  deadlineAt = 0;
  /** Whether the handler has decided or failed. */
  settled = false;
  /** Whether the handler's run is counted as work; the host's to set. */
  counted = false;
  /** Called once the handler is done with all that it was given. */
  onReturned: (() => void) | undefined;
  readonly #host: TurnsHost;
  readonly #request: AgentRequest;
  #waiting: PromiseWithResolvers<Reply> | undefined;
  #continued = false;
  #decision: Decision | undefined;
  #failure: unknown;
  #delivered = false;
  #controller: AbortController | undefined;

  constructor(host: TurnsHost, request: AgentRequest) {
    this.#host = host;
    this.#request = request;
  }

  /** Aborted with the request, and when an event's deadline passes. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      const controller = containedAbortController((error) => this.#host.onListenerError(error));
      const { signal } = this.#request;
      if (signal.aborted) controller.abort(signal.reason);
      else signal.addEventListener('abort', () => controller.abort(signal.reason), { once: true });
      this.#controller = controller;
    }
    return this.#controller.signal;
  }

  /** Whether an event waits for the handler. */
  get waits(): boolean {
    return this.#waiting !== undefined;
  }

  /** Whether the decision or failure has reached an event. */
  get delivered(): boolean {
    return this.#delivered;
  }

  /** Whether the handler has let the message pass. */
  get allowed(): boolean {
    return this.#decision?.verdict.type === 'allow';
  }

  /** The reply to the event that the handler was called for, once its promise is there. */
  head(): Decision | Promise<Reply> {
    return this.#continued ? CONTINUE : this.wait();
  }

  /** The reply to one more event: what was decided before, or what will be. @throws what the handler threw before */
  wait(): Decision | Promise<Reply> {
    if (this.settled) return this.#replay();
    // an event on another connection took its place; who sent it must not wait, nor take another's answer for its own
    this.#take()?.reject(goneOn());
    this.#waiting = Promise.withResolvers<Reply>();
    this.#host.watch(this);
    return this.#waiting.promise;
  }

  /** A decision reaches one event with all it says; what comes after only hears its verdict again. */
  #replay(): Decision {
    const decision = this.#decision;
    if (decision === undefined) {
      this.#delivered = true;
      throw this.#failure;
    }
    if (this.#delivered && decision.verdict.type === 'allow') return ALLOW;
    this.#delivered = true;
    return decision;
  }

  /** The event that waits, or the head as soon as it does, is answered with a request for more. */
  continue(): void {
    if (this.settled) return;
    if (this.#waiting === undefined) this.#continued = true;
    else this.#take()?.resolve(this.#host.overtaken(this.#request) ? undefined : CONTINUE);
  }

  /** The proxy goes on with the request: nobody takes the answer to the event that waits, and the handler is told. */
  overtake(): void {
    const waiting = this.#take();
    if (waiting === undefined) return;
    waiting.resolve(undefined);
    this.#controller?.abort(goneOn());
  }

  /** The handler has decided. @param delivered whether the decision reaches an event by other means */
  settle(decision: Decision, delivered = false): void {
    if (this.settled) return;
    this.settled = true;
    this.#decision = decision;
    this.#delivered = delivered;
    const waiting = this.#take();
    if (waiting === undefined) return;
    if (this.#host.overtaken(this.#request)) return waiting.resolve(undefined);
    this.#delivered = true;
    waiting.resolve(decision);
  }

  /** The handler has failed. */
  fail(error: unknown): void {
    if (this.settled) return;
    this.settled = true;
    this.#failure = error;
    const waiting = this.#take();
    if (waiting === undefined) return;
    if (this.#host.overtaken(this.#request)) return waiting.resolve(undefined);
    this.#delivered = true;
    waiting.reject(error);
  }

  /** The handler has returned, or its promise has settled: maybe long after its event was given up. */
  returned(): void {
    this.onReturned?.();
  }

  /** The event that waits is past its deadline: the handler is told to stop, and is not waited for. */
  expire(error: AgentwireError): void {
    this.#controller?.abort(error);
    this.fail(error);
  }

  #take(): PromiseWithResolvers<Reply> | undefined {
    const waiting = this.#waiting;
    if (waiting === undefined) return undefined;
    this.#waiting = undefined;
    this.#host.unwatch(this);
    return waiting;
  }
}
