import { ALLOW, AgentwireError, type Decision } from '@agentwire/core';
import { containedAbortController, type Lifecycle, type ListEntry } from '@agentwire/core/internal';
import type { AgentRequest } from '@agentwire/core/session';
import type { HandlerContext } from '../handler/agent-handlers.ts';

const OVERTAKEN = 'the proxy went on without waiting for this decision';

/** Result of an event: a decision, or `undefined` if the proxy no longer expects one. */
export type Reply = Decision | undefined;

/** Reply that asks a body to go on. */
export const CONTINUE: Decision = Object.freeze<Decision>({ verdict: ALLOW.verdict, needsMore: true });

/** Services of the runtime that a {@link HandlerRun} uses. */
export interface RunHost {
  /** Starts the deadline of the event that waits. */
  watch(run: HandlerRun): void;
  /** Stops it. */
  unwatch(run: HandlerRun): void;
  /** Returns whether a later event has replaced the one that waits, so that an answer would be taken for another's. */
  overtaken(request: AgentRequest): boolean;
  /** Reports that a listener of a handler's signal threw. */
  onListenerError(error: unknown): void;
}

/**
 * State of a {@link HandlerRun}. `running`: no event waits; `waiting`: an event waits for its reply; `settled`: the handler has
 * decided or failed, and no event has received that; `delivered`: an event has.
 */
export type HandlerRunState = 'running' | 'waiting' | 'settled' | 'delivered';

/** States of a handler run. */
export const HANDLER_RUN_LIFECYCLE: Lifecycle<HandlerRunState> = {
  running: {
    'event waits': 'waiting',
    decides: 'settled',
    fails: 'settled',
    'decides at once': 'delivered',
    'decides too late': 'settled',
  },
  waiting: {
    'asks for more': 'running',
    overtaken: 'running',
    decides: 'delivered',
    fails: 'delivered',
    'decides at once': 'delivered',
    'decides too late': 'settled',
  },
  settled: { 'event waits': 'delivered' },
  delivered: {},
};

/**
 * One run of a handler, matched with the events that it answers: the head, and each chunk of a body that it reads. At most one
 * event waits at a time, because a session delivers the next one only after the answer.
 */
export class HandlerRun {
  /** Time at which the event that waits must be answered, by the host's clock; set by the host. */
  deadlineAt = 0;
  /** Its place among those that wait; set by the host. */
  deadline: ListEntry<HandlerRun> | undefined;
  /** `true` if the run is counted as work; set by the host. */
  counted = false;
  /** `true` once {@link skip} has passed the message while its handler worked. */
  skipped = false;
  /** Called by {@link returned}. */
  onReturned: (() => void) | undefined;
  subject: Pick<HandlerContext, 'requestId' | 'request'> | undefined;
  /** Adds what is left of a body to the decision that passes it; set while a body is held or changed. */
  finishBody: ((decision: Decision) => Decision) | undefined;
  readonly #host: RunHost;
  readonly #request: AgentRequest;
  #state: HandlerRunState = 'running';
  #waiting: PromiseWithResolvers<Reply> | undefined;
  /** Answer to the first event, if the handler asked for more before that began to wait. */
  #continued: Decision | undefined;
  #decision: Decision | undefined;
  #failure: unknown;
  #controller: AbortController | undefined;

  constructor(host: RunHost, request: AgentRequest) {
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

  get state(): HandlerRunState {
    return this.#state;
  }

  /** `true` if the handler has decided or failed. */
  get settled(): boolean {
    return this.#state === 'settled' || this.#state === 'delivered';
  }

  /** `true` if that has reached an event. */
  get delivered(): boolean {
    return this.#state === 'delivered';
  }

  /** `true` if the handler has allowed the message. */
  get allowed(): boolean {
    return this.#decision?.verdict.type === 'allow';
  }

  /** Returns the reply to the event that the handler was called for, once the handler has returned a promise. */
  head(): Decision | Promise<Reply> {
    return this.#continued ?? this.wait();
  }

  /** Returns the reply to one more event: the decision, or a promise of it. @throws the error that the handler failed with */
  wait(): Decision | Promise<Reply> {
    if (this.settled) return this.#replay();
    // an event on another connection replaces the waiting one, whose sender must neither wait nor get the other's answer
    this.#takeWaiting()?.reject(new AgentwireError('ERR_ABORTED', OVERTAKEN));
    this.#state = 'waiting';
    this.#waiting = Promise.withResolvers<Reply>();
    this.#host.watch(this);
    return this.#waiting.promise;
  }

  /** One event receives the whole decision; later ones receive only its verdict. */
  #replay(): Decision {
    const repeated = this.#state === 'delivered';
    this.#state = 'delivered';
    if (this.#decision === undefined) throw this.#failure;
    return repeated && this.#decision.verdict.type === 'allow' ? ALLOW : this.#decision;
  }

  /** Answers the event that waits, or the head as soon as it does, with a request for more. */
  continue(answer: Decision = CONTINUE): void {
    if (this.settled) return;
    const waiting = this.#takeWaiting();
    if (waiting === undefined) this.#continued = answer;
    else waiting.resolve(this.#host.overtaken(this.#request) ? undefined : answer);
  }

  /** Drops the pending reply and aborts the handler's signal: the request continued on another connection. */
  overtake(): void {
    const waiting = this.#takeWaiting();
    if (waiting === undefined) return;
    waiting.resolve(undefined);
    this.#controller?.abort(new AgentwireError('ERR_ABORTED', OVERTAKEN));
  }

  /** Settles with the handler's decision. @param delivered whether the decision reaches an event by other means */
  settle(decision: Decision, delivered = false): void {
    if (this.settled) return;
    const waiting = this.#takeWaiting();
    this.#decision = decision;
    this.#state = delivered ? 'delivered' : 'settled';
    if (this.#deliversTo(waiting)) waiting.resolve(this.finishBody?.(decision) ?? decision);
  }

  /** Passes the message while the handler still works: what it decides later is too late. */
  skip(): void {
    if (this.settled) return;
    this.skipped = true;
    this.settle(ALLOW);
  }

  /** Settles with the handler's failure. */
  fail(error: unknown): void {
    if (this.settled) return;
    const waiting = this.#takeWaiting();
    this.#failure = error;
    this.#state = 'settled';
    if (this.#deliversTo(waiting)) waiting.reject(error);
  }

  #deliversTo(waiting: PromiseWithResolvers<Reply> | undefined): waiting is PromiseWithResolvers<Reply> {
    if (waiting === undefined) return false;
    if (this.#host.overtaken(this.#request)) {
      waiting.resolve(undefined);
      return false;
    }
    this.#state = 'delivered';
    return true;
  }

  /** Reports that the handler is done with everything that it was given, possibly long after its event was given up. */
  returned(): void {
    this.onReturned?.();
  }

  /** Gives up the event that waits, past its deadline, and aborts the handler's signal. */
  expire(error: AgentwireError): void {
    this.#controller?.abort(error);
    this.fail(error);
  }

  #takeWaiting(): PromiseWithResolvers<Reply> | undefined {
    const waiting = this.#waiting;
    if (waiting === undefined) return undefined;
    this.#waiting = undefined;
    this.#state = 'running';
    this.#host.unwatch(this);
    return waiting;
  }
}
