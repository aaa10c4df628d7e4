import { AgentwireError, toAgentwireError } from '../errors.ts';
import type { CancelReason } from '../message/control.ts';
import type { Decision } from '../message/decision.ts';
import type { RequestId } from '../message/events.ts';
import { decisionOfMutation, mutationFault, questionOfMutation } from './body-mutation-answer.ts';
import type { ExchangeHost, HostedExchange } from './exchange-host.ts';
import type { AskOptions, Completion, EventBody } from './exchange.ts';
import { abortedBy, refusalOf } from './question-refusal.ts';
import { anyOverdue, isChunk, latestDeadline, questionOf, type WaitingQuestion } from './waiting-question.ts';

/** The exchange in one slot of a session. */
export class ExchangeSlot implements HostedExchange {
  readonly id: RequestId;
  readonly slot: number;
  ended = false;
  pending = 0;
  owner: unknown = undefined;
  readonly #host: ExchangeHost;
  #head: WaitingQuestion | undefined;
  #tail: WaitingQuestion | undefined;
  #unsent: WaitingQuestion | undefined;
  /** Whether the last answer asked for a chunk that was not sent yet. */
  #awaitsChunk = false;
  /** Turn of the event loop in which its last answer came. */
  #answeredIn = -1;
  /** What ended it, where that was not its owner. */
  #failure: AgentwireError | undefined;

  constructor(host: ExchangeHost, slot: number, id: RequestId) {
    this.#host = host;
    this.slot = slot;
    this.id = id;
  }

  ask(event: EventBody, options?: AskOptions): Promise<Decision> {
    return this.question(event, options, false);
  }

  /** {@link ask}; `endAfter` ends the exchange with the answer. */
  question(event: EventBody, options: AskOptions | undefined, endAfter: boolean): Promise<Decision> {
    const host = this.#host;
    const signal = options?.signal;
    if (host.closedError !== undefined) return Promise.reject(host.closedError);
    if (this.ended) return Promise.reject(this.#failure ?? new AgentwireError('ERR_CLOSED', 'the exchange has ended'));
    const refusal = signal?.aborted ? abortedBy(signal) : refusalOf(this.pending, options?.timeoutMs);
    if (refusal !== undefined) {
      if (endAfter) this.end();
      return Promise.reject(refusal);
    }
    return new Promise((resolve, reject) => {
      const timeoutMs = options?.timeoutMs ?? host.requestTimeoutMs;
      const waiter = questionOf(event, endAfter, host.now(), timeoutMs, resolve, reject);
      if (signal !== undefined) this.#watch(waiter, signal);
      if (this.#tail === undefined) this.#head = waiter;
      else this.#tail.next = waiter;
      this.#tail = waiter;
      this.pending += 1;
      host.pendingChanged(1);
      this.#unsent ??= waiter;
      this.pump();
    });
  }

  #watch(waiter: WaitingQuestion, signal: AbortSignal): void {
    const onAbort = (): void => this.fail(abortedBy(signal), 'client_disconnect');
    signal.addEventListener('abort', onAbort, { once: true });
    waiter.detach = () => signal.removeEventListener('abort', onAbort);
  }

  pump(): void {
    for (let waiter = this.#unsent; waiter !== undefined; waiter = this.#unsent) {
      if (this.#host.serial && this.#head !== waiter) return;
      // a second answer that came together with the last one must not meet a question that was asked after both
      if (this.#answeredIn === this.#host.turn) return this.#host.pumpNextTurn(this);
      if (!this.#host.outbox.writable && isChunk(waiter.type)) {
        this.#host.outbox.awaitRoom(this);
        return;
      }
      const event = waiter.unsent;
      waiter.unsent = undefined;
      this.#unsent = waiter.next;
      try {
        if (event !== undefined) this.#host.outbox.sendEvent(event, this.id);
      } catch (error) {
        // a send that ended its connection has failed everything that waits, this one too
        if (this.#remove(waiter)) this.#rejectWith(waiter, toAgentwireError(error, 'ERR_PROTOCOL'));
        if (waiter.endAfter) this.end();
      }
    }
  }

  /** The oldest question gets its decision. @returns `false` when none waits: the answer is late. */
  settle(decision: Decision): boolean {
    const waiter = this.#shift();
    if (waiter === undefined) return false;
    const fault = mutationFault(waiter, decision);
    if (fault === undefined) this.#resolveWith(waiter, decision);
    else this.#rejectWith(waiter, fault);
    this.#afterAnswer(waiter);
    return true;
  }

  /** The oldest question fails, the exchange lives on. */
  settleWithError(error: AgentwireError): boolean {
    const waiter = this.#shift();
    if (waiter === undefined) return false;
    this.#rejectWith(waiter, error);
    this.#afterAnswer(waiter);
    return true;
  }

  /** An older agent's body mutation: the oldest unanswered chunk of that index gets it as its decision. */
  settleMutation(index: number, data: Uint8Array | null): boolean {
    const waiter = questionOfMutation(this.#head, index);
    if (waiter === undefined) return false;
    this.#remove(waiter);
    this.#resolveWith(waiter, decisionOfMutation(waiter, data));
    this.#afterAnswer(waiter);
    return true;
  }

  #resolveWith(waiter: WaitingQuestion, decision: Decision): void {
    this.#awaitsChunk = decision.needsMore === true && !waiter.last;
    waiter.resolve(decision);
    this.#host.settled(this, waiter.startedAt, decision);
  }

  #rejectWith(waiter: WaitingQuestion, error: AgentwireError): void {
    waiter.reject(error);
    this.#host.settled(this, waiter.startedAt, error);
  }

  #afterAnswer(waiter: WaitingQuestion): void {
    if (waiter.endAfter) return this.end();
    if (this.ended) return;
    this.#answeredIn = this.#host.noteTurn();
    if (this.#unsent !== undefined) this.pump();
  }

  #shift(): WaitingQuestion | undefined {
    const waiter = this.#head;
    if (waiter === undefined || waiter.unsent !== undefined) return undefined;
    this.#head = waiter.next;
    if (waiter.next === undefined) this.#tail = undefined;
    this.#forget(waiter);
    return waiter;
  }

  /** @returns whether it was there */
  #remove(waiter: WaitingQuestion): boolean {
    let previous: WaitingQuestion | undefined;
    for (let at = this.#head; at !== undefined; previous = at, at = at.next) {
      if (at !== waiter) continue;
      if (previous === undefined) this.#head = at.next;
      else previous.next = at.next;
      if (this.#tail === at) this.#tail = previous;
      this.#forget(at);
      return true;
    }
    return false;
  }

  #forget(waiter: WaitingQuestion): void {
    this.pending -= 1;
    this.#host.pendingChanged(-1);
    waiter.detach?.();
  }

  /** Whether a question's deadline has passed at `now`. */
  isOverdue(now: number): boolean {
    return anyOverdue(this.#head, now);
  }

  /** Latest deadline among the questions, or `since` where there is none. */
  latestDeadline(since: number): number {
    return latestDeadline(this.#head, since);
  }

  /** Ends the exchange because of `error`, which every unanswered question gets; the agent is told where it can be. */
  fail(error: AgentwireError, reason?: CancelReason): void {
    if (this.ended) return;
    this.ended = true;
    if (error.code !== 'ERR_ABORTED') this.#failure = error;
    if (reason !== undefined && this.#head !== undefined) this.#host.outbox.sendCancel(this.id, reason);
    this.#unsent = undefined;
    let waiter = this.#head;
    this.#head = this.#tail = undefined;
    this.#host.release(this);
    for (; waiter !== undefined; waiter = waiter.next) {
      this.#forget(waiter);
      this.#rejectWith(waiter, error);
    }
  }

  /** Ends without anybody to tell: an error would cost more than the whole question did. */
  #release(): void {
    this.ended = true;
    this.#host.release(this);
  }

  complete(summary: Completion): void {
    if (this.ended) return;
    const { outbox } = this.#host;
    try {
      // an agent that takes no RequestComplete, and still waits for a body, would wait until its handler's timeout
      if (!outbox.sendComplete(this.id, summary) && this.#awaitsChunk) outbox.sendCancel(this.id, 'manual');
    } finally {
      if (this.#head === undefined) this.#release();
      else this.fail(new AgentwireError('ERR_ABORTED', 'the request was completed before its answer came'));
    }
  }

  cancel(reason: CancelReason = 'manual'): void {
    if (this.ended) return;
    if (this.#head === undefined) {
      this.#host.outbox.sendCancel(this.id, reason);
      this.#release();
    } else this.fail(new AgentwireError('ERR_ABORTED', `the request was cancelled: ${reason}`), reason);
  }

  end(): void {
    if (this.ended) return;
    if (this.#head === undefined) this.#release();
    else this.fail(new AgentwireError('ERR_ABORTED', 'the exchange was ended before its answer came'), 'manual');
  }
}
