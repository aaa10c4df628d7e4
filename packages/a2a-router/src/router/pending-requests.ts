import { AgentwireError, type Clock, type ErrorCode } from '@agentwire/core';
import { Sweep } from '@agentwire/core/internal';
import type { KernelMessage } from '../message/message.ts';
import type { Pid } from '../process/pid.ts';
import { EndedRequests } from './ended-requests.ts';
import { Parties, party } from './parties.ts';
import {
  mayAnswer,
  type PendingRequest,
  type RequestHooks,
  type RequestOwner,
  takeResponder,
} from './pending-request.ts';
import { RequestList } from './request-list.ts';
import { releaseWatchers } from './request-signals.ts';
import { RequestTime } from './request-time.ts';

const NO_HOOKS: RequestHooks = Object.freeze({ onReply: () => true, onEnd: () => undefined });

/** A deadline is noticed at most this many milliseconds late. */
const SWEEP_MS = 5;

/** Table of pending requests, with one timer for all of them. */
export class PendingRequests implements RequestOwner {
  /** Time at which requests are made. */
  readonly time: RequestTime;
  readonly #clock: Clock;
  readonly #limit: number;
  readonly #list = new RequestList();
  /** The requests that a process asked, or may answer: its exit must not walk over all others. */
  readonly #parties = new Parties<PendingRequest>();
  readonly #ended = new EndedRequests();
  readonly #forgetRemote: (messageId: string) => void;
  readonly #sweep: Sweep;
  #wakesAt = Infinity;

  constructor(clock: Clock, limit: number, forgetRemote: (messageId: string) => void) {
    this.time = new RequestTime(clock);
    this.#clock = clock;
    this.#limit = limit;
    this.#forgetRemote = forgetRemote;
    this.#sweep = new Sweep(clock, SWEEP_MS, () => this.#expireDue());
  }

  /** Number of pending requests. */
  get size(): number {
    return this.#list.size;
  }

  /**
   * Adds a request; `isNew` says that its id was made here, so that no other request can have it.
   *
   * @throws `ERR_DUPLICATE_REQUEST` for the id of a pending request, `ERR_OVERLOADED` past the limit.
   */
  add(request: PendingRequest, isNew = false): void {
    if (!isNew && this.#list.find(request.id) !== undefined) {
      throw new AgentwireError('ERR_DUPLICATE_REQUEST', 'a live request has that id already', {
        detail: { id: request.id },
      });
    }
    if (this.#list.size >= this.#limit) {
      throw new AgentwireError('ERR_OVERLOADED', `${this.#limit} requests wait already`, {
        detail: { limit: this.#limit },
      });
    }
    this.#list.add(request);
    request.owner = this;
    request.asking = party(request.from, request);
    this.#parties.add(request.asking);
    if (request.expires < this.#wakesAt) this.#wakeAt(request.expires);
  }

  /** Notes that a process here has the request and may answer it. */
  addResponder(request: PendingRequest, pid: Pid): void {
    if (request.ended) return;
    const one = party(pid, request);
    one.other = request.responders;
    request.responders = one;
    this.#parties.add(one);
  }

  /** Takes that back, for a process that could not have the request after all. */
  dropResponder(request: PendingRequest, pid: Pid): void {
    const one = takeResponder(request, pid);
    if (one !== undefined) this.#parties.remove(one);
  }

  /**
   * Gives the pending request that a message answers: the message is addressed to the process that asked, and comes from one that was asked.
   *
   * `known` is the request that the answered message carries; without one it is looked up.
   */
  answered(message: KernelMessage, known: PendingRequest | undefined): PendingRequest | undefined {
    const { correlationId, fromNode, from, target } = message;
    if (correlationId === undefined || fromNode !== undefined || this.#list.size === 0) return undefined;
    if (target.kind !== 'process') return undefined;
    const request = known?.id === correlationId && known.owner === this ? known : this.#list.find(correlationId);
    if (request === undefined || request.ended || target.pid !== request.from) return undefined;
    return mayAnswer(request, from) ? request : undefined;
  }

  /** Tells whether a process asked a request of that id which has ended, and which is one of the last 1024. */
  hasEnded(id: string, asker: Pid): boolean {
    return this.#ended.has(id, asker) && this.#list.find(id) === undefined;
  }

  /** Completes the request that a message answers; false when it answers none. */
  complete(message: KernelMessage, known: PendingRequest | undefined): boolean {
    const request = this.answered(message, known);
    if (request === undefined) return false;
    this.#hand(request, message);
    return true;
  }

  /** Completes the request that an answer of another node is for; false when none waits for one. */
  completeRemote(message: KernelMessage): boolean {
    const request = message.correlationId === undefined ? undefined : this.#list.find(message.correlationId);
    if (request === undefined || !request.remote) return false;
    this.#hand(request, message);
    return true;
  }

  /** Ends a request from outside; does nothing for one that has ended. */
  end(request: PendingRequest, error: AgentwireError): void {
    if (request.ended) return;
    const { hooks } = request;
    this.remove(request, error);
    hooks.onEnd(error);
  }

  /** Takes a request out without telling it; its handlers are told, apart from the one that answered. */
  remove(request: PendingRequest, error?: AgentwireError, answeredBy?: Pid): void {
    if (request.ended || request.owner !== this) return;
    this.#list.remove(request);
    request.ended = true;
    this.#ended.add(request.id, request.from);
    request.hooks = NO_HOOKS;
    if (request.asking !== undefined) this.#parties.remove(request.asking);
    request.asking = undefined;
    for (let one = request.responders; one !== undefined; one = one.other) this.#parties.remove(one);
    request.responders = undefined;
    if (request.remote) this.#forgetRemote(request.id);
    releaseWatchers(request, error, answeredBy);
  }

  /** Gives the request with that id, if that process asked it. */
  find(id: string, from: Pid): PendingRequest | undefined {
    const request = this.#list.find(id);
    return request?.from === from ? request : undefined;
  }

  /** Notes that one who received a request will not answer; ends the request if no other can. */
  loseResponder(id: string, pid: Pid, code: ErrorCode): void {
    const request = this.#list.find(id);
    if (request !== undefined) this.#lose(request, pid, code);
  }

  /** Notes that other nodes will not answer; ends the request if no local process can either. */
  loseRemote(id: string, code: ErrorCode, text: string): void {
    const request = this.#list.find(id);
    if (request === undefined || !request.remote) return;
    request.remote = false;
    this.#forgetRemote(id);
    if (request.responders !== undefined) return;
    const refusal = code === 'ERR_NO_RESPONDERS' ? request.refusal : undefined;
    this.end(request, refusal ?? new AgentwireError(code, text));
  }

  /** Ends what a process asked for, and what only it could have answered. */
  processGone(pid: Pid, code: ErrorCode): void {
    // each turn takes the part that is first out of the list.
    for (let one = this.#parties.first(pid); one !== undefined; one = this.#parties.first(pid)) {
      const { request } = one;
      if (request.from === pid) {
        this.end(
          request,
          new AgentwireError('ERR_CLOSED', `process ${pid}, which asked, has exited`, { detail: { pid } }),
        );
      } else this.#lose(request, pid, code);
    }
    this.#parties.forget(pid);
  }

  /** Ends everything. */
  close(): void {
    this.#sweep.stop();
    while (this.#list.oldest !== undefined)
      this.end(this.#list.oldest, new AgentwireError('ERR_CLOSED', 'the router was closed'));
  }

  #lose(request: PendingRequest, pid: Pid, code: ErrorCode): void {
    if (!mayAnswer(request, pid)) return;
    this.dropResponder(request, pid);
    if (request.responders !== undefined || request.remote) return;
    this.end(request, new AgentwireError(code, `process ${pid} cannot answer any more`, { detail: { pid } }));
  }

  #hand(request: PendingRequest, message: KernelMessage): void {
    if (request.hooks.onReply(message)) this.remove(request, undefined, message.from);
  }

  #wakeAt(when: number): void {
    this.#wakesAt = when;
    this.#sweep.start(Math.max(0, when - this.#clock.now()));
  }

  #expireDue(): false {
    this.#wakesAt = Infinity;
    const now = this.#clock.now();
    const { expired, next } = this.#list.due(now);
    for (const one of expired)
      this.end(one, new AgentwireError('ERR_TIMEOUT', 'no answer came in time', { detail: { id: one.id } }));
    // requests that were made by those that ended may have set a nearer alarm already.
    if (next < this.#wakesAt) this.#wakeAt(Math.max(next, now + SWEEP_MS));
    return false;
  }
}
