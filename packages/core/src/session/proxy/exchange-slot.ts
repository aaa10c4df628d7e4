import type { Clock } from '../../clock.ts';
import { AgentwireError, toAgentwireError } from '../../errors.ts';
import type { Lifecycle } from '../../lifecycle.ts';
import type { CancelReason } from '../../message/control.ts';
import type { Decision } from '../../message/decision.ts';
import type { RequestId } from '../../message/events.ts';
import type { EventSender } from './event-sender.ts';
import type { AskOptions, Completion, EventBody, Exchange } from './exchange.ts';
import {
  abortedBy,
  createQuestion,
  deadlineOf,
  decisionOfMutation,
  mutationFault,
  type Question,
  questionOfMutation,
  refusalOf,
} from './question.ts';

/** States of an exchange; in `wantsChunk` its last answer asked for a chunk, and no later one has come. */
type ExchangeState = 'open' | 'wantsChunk' | 'ended';

/** Ends of an exchange that are possible in each open state. */
const ENDS = { end: 'ended', complete: 'ended', cancel: 'ended', fail: 'ended' } as const;

/** States and transitions of an exchange. */
export const EXCHANGE_LIFECYCLE: Lifecycle<ExchangeState> = {
  open: { 'answer with needsMore': 'wantsChunk', ...ENDS },
  wantsChunk: { answer: 'open', ...ENDS },
  ended: {},
};

/** Dependencies of an {@link ExchangeSlot}: its session, seen from one exchange. */
export interface ExchangeDeps {
  readonly clock: Clock;
  readonly sender: EventSender;
  /** True if the peer accepts one event of a request at a time. */
  readonly serial: boolean;
  readonly requestTimeoutMs: number;
  /** Error of every question once the connection has ended. */
  readonly closedError: AgentwireError | undefined;
  /** Questions without an answer; an exchange counts those that it settles. */
  pending: number;
  /** Counts a question that is asked. */
  asked(deadline: number): void;
  /** Reports the one outcome of a question. */
  settled(exchange: ExchangeSlot, startedAt: number, outcome: Decision | AgentwireError): void;
  /** Frees the slot and the id. */
  release(exchange: ExchangeSlot): void;
}

/** Exchange in one slot of a session: a list of questions, of which the first ones are sent and the rest wait. */
export class ExchangeSlot implements Exchange {
  readonly id: RequestId;
  /** Position in the session's table. */
  readonly slot: number;
  pending = 0;
  heard = false;
  owner: unknown = undefined;
  readonly #deps: ExchangeDeps;
  #state: ExchangeState = 'open';
  /** Oldest and youngest question without an outcome, and the oldest one that is not sent. */
  #head: Question | undefined;
  #tail: Question | undefined;
  #unsent: Question | undefined;
  /** Number of the event loop's turn in which the last answer came. */
  #answeredIn = -1;
  /** Error that ended it. */
  #failure: AgentwireError | undefined;

  constructor(deps: ExchangeDeps, slot: number, id: RequestId) {
    this.#deps = deps;
    this.slot = slot;
    this.id = id;
  }

  get ended(): boolean {
    return this.#state === 'ended';
  }

  /** True if the last answer asked for a chunk. */
  get wantsChunk(): boolean {
    return this.#state === 'wantsChunk';
  }

  // 1. A question is asked, and sent when peer and buffer allow it.

  ask(event: EventBody, options?: AskOptions, endAfter = false): Promise<Decision> {
    const deps = this.#deps;
    const signal = options?.signal;
    if (deps.closedError !== undefined) return Promise.reject(deps.closedError);
    if (this.#state === 'ended')
      return Promise.reject(this.#failure ?? new AgentwireError('ERR_CLOSED', 'the exchange has ended'));
    const refusal = signal?.aborted ? abortedBy(signal) : refusalOf(this.pending, options?.timeoutMs);
    if (refusal !== undefined) {
      if (endAfter) this.end();
      return Promise.reject(refusal);
    }
    return new Promise((resolve, reject) => {
      const timeoutMs = options?.timeoutMs ?? deps.requestTimeoutMs;
      const question = createQuestion(event, endAfter, deps.clock.now(), timeoutMs, resolve, reject);
      if (signal !== undefined) this.#watch(question, signal);
      if (this.#tail === undefined) this.#head = question;
      else this.#tail.next = question;
      this.#tail = question;
      this.pending += 1;
      deps.asked(question.startedAt + timeoutMs);
      this.#unsent ??= question;
      this.pump();
    });
  }

  #watch(question: Question, signal: AbortSignal): void {
    const onAbort = (): void => this.fail(abortedBy(signal), 'client_disconnect');
    signal.addEventListener('abort', onAbort, { once: true });
    question.detach = () => signal.removeEventListener('abort', onAbort);
  }

  /** Sends the questions that wait, as far as peer and buffer allow. */
  pump(): void {
    const { sender, serial } = this.#deps;
    for (let question = this.#unsent; question !== undefined; question = this.#unsent) {
      if (serial && this.#head !== question) return;
      // a second answer that came together with the last one must not settle a question that was asked after both
      if (this.#answeredIn === sender.turn) return sender.awaitTurn(this);
      if (question.index !== -1 && !sender.writable) return sender.awaitRoom(this);
      const event = question.unsent;
      question.unsent = undefined;
      this.#unsent = question.next;
      try {
        if (event !== undefined) sender.sendEvent(event, this.id);
        this.heard = true;
      } catch (error) {
        // a send that ended its connection has failed every question, this one too
        if (this.#remove(question)) this.#rejectWith(question, toAgentwireError(error, 'ERR_PROTOCOL'));
        if (question.endAfter) this.end();
      }
    }
  }

  // 2. An answer comes: the oldest question that was sent gets its outcome.

  /** Settles the oldest question with its decision. @returns `false` if none waits */
  settle(decision: Decision): boolean {
    const question = this.#shift();
    if (question === undefined) return false;
    const mutates = decision.requestBodyMutation !== undefined || decision.responseBodyMutation !== undefined;
    const fault = mutates ? mutationFault(question, decision) : undefined;
    if (fault === undefined) this.#resolveWith(question, decision);
    else this.#rejectWith(question, fault);
    this.#afterAnswer(question);
    return true;
  }

  /** Fails the oldest question; the exchange stays open. @returns `false` if none waits */
  settleWithError(error: AgentwireError): boolean {
    const question = this.#shift();
    if (question === undefined) return false;
    this.#rejectWith(question, error);
    this.#afterAnswer(question);
    return true;
  }

  /** Settles the oldest unanswered chunk of that index with an older agent's body mutation. @returns `false` if none waits */
  settleMutation(index: number, data: Uint8Array | null): boolean {
    const question = questionOfMutation(this.#head, index);
    if (question === undefined) return false;
    this.#remove(question);
    this.#resolveWith(question, decisionOfMutation(question, data));
    this.#afterAnswer(question);
    return true;
  }

  #resolveWith(question: Question, decision: Decision): void {
    this.#state = decision.needsMore === true && !question.last ? 'wantsChunk' : 'open';
    question.resolve(decision);
    this.#deps.settled(this, question.startedAt, decision);
  }

  #rejectWith(question: Question, error: AgentwireError): void {
    question.reject(error);
    this.#deps.settled(this, question.startedAt, error);
  }

  #afterAnswer(question: Question): void {
    if (question.endAfter) return this.end();
    if (this.#state === 'ended') return;
    this.#answeredIn = this.#deps.sender.noteTurn();
    if (this.#unsent !== undefined) this.pump();
  }

  /** Takes the oldest question off the list, if it has been sent. */
  #shift(): Question | undefined {
    const question = this.#head;
    if (question === undefined || question.unsent !== undefined) return undefined;
    this.#head = question.next;
    if (question.next === undefined) this.#tail = undefined;
    this.#forget(question);
    return question;
  }

  /** Takes a question off the list. @returns whether it was there */
  #remove(question: Question): boolean {
    let previous: Question | undefined;
    for (let at = this.#head; at !== undefined; previous = at, at = at.next) {
      if (at !== question) continue;
      if (previous === undefined) this.#head = at.next;
      else previous.next = at.next;
      if (this.#tail === at) this.#tail = previous;
      this.#forget(at);
      return true;
    }
    return false;
  }

  #forget(question: Question): void {
    this.pending -= 1;
    this.#deps.pending -= 1;
    question.detach?.();
  }

  // 3. The exchange ends.

  complete(summary: Completion): void {
    if (this.#state === 'ended') return;
    const { sender } = this.#deps;
    try {
      // an agent that takes no RequestComplete, and waits for another chunk, would wait until its handler's timeout
      if (!sender.sendComplete(this.id, summary) && this.wantsChunk) sender.sendCancel(this.id, 'manual');
    } finally {
      this.#endWith('the request was completed before its answer came');
    }
  }

  cancel(reason: CancelReason = 'manual'): void {
    if (this.#state === 'ended') return;
    if (this.#head === undefined) this.#deps.sender.sendCancel(this.id, reason);
    this.#endWith(`the request was cancelled: ${reason}`, reason);
  }

  end(): void {
    if (this.#state !== 'ended') this.#endWith('the exchange was ended before its answer came', 'manual');
  }

  /** Releases the slot without building an error if no caller is waiting, else fails the questions with `ERR_ABORTED`. */
  #endWith(why: string, reason?: CancelReason): void {
    if (this.#head !== undefined) return this.fail(new AgentwireError('ERR_ABORTED', why), reason);
    this.#state = 'ended';
    this.#deps.release(this);
  }

  /** Ends the exchange because of `error`, which every unanswered question gets; tells the agent if `reason` is given. */
  fail(error: AgentwireError, reason?: CancelReason): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    if (error.code !== 'ERR_ABORTED') this.#failure = error;
    if (reason !== undefined && this.#head !== undefined) this.#deps.sender.sendCancel(this.id, reason);
    this.#unsent = undefined;
    let question = this.#head;
    this.#head = this.#tail = undefined;
    this.#deps.release(this);
    for (; question !== undefined; question = question.next) {
      this.#forget(question);
      this.#rejectWith(question, error);
    }
  }

  // 4. Deadlines, checked by the session's sweep.

  /** Earliest deadline of its questions; `Infinity` without one. */
  get earliestDeadline(): number {
    let earliest = Infinity;
    for (let question = this.#head; question !== undefined; question = question.next)
      earliest = Math.min(earliest, deadlineOf(question));
    return earliest;
  }

  /** Returns the latest deadline of its questions, at least `since`. */
  latestDeadline(since: number): number {
    let latest = since;
    for (let question = this.#head; question !== undefined; question = question.next)
      latest = Math.max(latest, deadlineOf(question));
    return latest;
  }
}
