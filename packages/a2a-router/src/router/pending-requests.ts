import { AgentwireError, type Clock, type ErrorCode } from '@agentwire/core';
import { Sweep } from '@agentwire/core/internal';
import type { KernelMessage } from '../message/message.ts';
import type { Pid } from '../process/pid.ts';
import { Parties, party, type Party } from './parties.ts';
import { releaseWatchers, type RequestWatcher } from './request-signals.ts';
import { SlotMap } from './slot-map.ts';
import type { StreamWindow } from './stream-window.ts';

/** One request that waits for its answer. */
export interface PendingRequest {
  readonly id: string;
  readonly from: Pid;
  /** Milliseconds on the clock at which it fails. */
  readonly expires: number;
  /** The asker, while it waits. */
  asking: Party<PendingRequest> | undefined;
  /** The local processes that received it and have not been lost since, the last one first; changed by {@link addResponder} and {@link dropResponder}. */
  responders: Party<PendingRequest> | undefined;
  /** True when it also went to other nodes. */
  remote: boolean;
  /** Why nobody here could have it, when it went to other nodes for that reason. */
  refusal?: AgentwireError | undefined;
  /** Where it waits; undefined before that. */
  owner: PendingRequests | undefined;
  /** True once it is over; a gate that still thinks about it then decides for nobody. */
  ended: boolean;
  /** Handlers that want to know when it is over. */
  watchers: RequestWatcher[] | undefined;
  /** Told when the first handler watches it; only requests of other nodes have it. */
  readonly onWatch?: (() => void) | undefined;
  /** Credits of a streamed answer. */
  readonly window: StreamWindow | undefined;
  /** Takes an answer; true ends the request. */
  readonly onReply: (message: KernelMessage) => boolean;
  /** Takes the reason why there will be no further answer. */
  readonly onEnd: (error: AgentwireError) => void;
}

/** Notes that a process here has a request and may answer it. */
export function addResponder(request: PendingRequest, pid: Pid): void {
  request.owner?.addResponder(request, pid);
}

/** Takes that back, for a process that could not have the request after all. */
export function dropResponder(request: PendingRequest, pid: Pid): void {
  request.owner?.dropResponder(request, pid);
}

/** Tells whether a process here has a request and may answer it. */
export function mayAnswer(request: PendingRequest, pid: Pid): boolean {
  let one = request.responders;
  while (one !== undefined && one.pid !== pid) one = one.other;
  return one !== undefined;
}

/** A deadline is noticed at most this many milliseconds late. */
const SWEEP_MS = 5;

/** Every request that waits, with one timer for all of them. */
export class PendingRequests {
  readonly #clock: Clock;
  readonly #limit: number;
  readonly #waiting = new SlotMap<PendingRequest>();
  /** The requests that a process asked, or may answer: its exit must not walk over all others. */
  readonly #parties = new Parties<PendingRequest>();
  readonly #forgetRemote: (messageId: string) => void;
  readonly #sweep: Sweep;
  #wakesAt = Infinity;

  constructor(clock: Clock, limit: number, forgetRemote: (messageId: string) => void) {
    this.#clock = clock;
    this.#limit = limit;
    this.#forgetRemote = forgetRemote;
    this.#sweep = new Sweep(clock, SWEEP_MS, () => this.#expireDue());
  }

  /** How many wait. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Enters a request; throws `ERR_DUPLICATE_REQUEST` for an id that is live and `ERR_OVERLOADED` past the limit. */
  add(request: PendingRequest): void {
    if (this.#waiting.get(request.id) !== undefined) {
      throw new AgentwireError('ERR_DUPLICATE_REQUEST', 'a live request has that id already', {
        detail: { id: request.id },
      });
    }
    if (this.#waiting.size >= this.#limit) {
      throw new AgentwireError('ERR_OVERLOADED', `${this.#limit} requests wait already`, {
        detail: { limit: this.#limit },
      });
    }
    this.#waiting.set(request.id, request);
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
    let last: Party<PendingRequest> | undefined;
    let one = request.responders;
    while (one !== undefined && one.pid !== pid) {
      last = one;
      one = one.other;
    }
    if (one === undefined) return;
    if (last === undefined) request.responders = one.other;
    else last.other = one.other;
    one.other = undefined;
    this.#parties.remove(one);
  }

  /** Tells whether a message answers a live request: it is addressed to the process that asked, and comes from one that was asked. */
  answers(message: KernelMessage): boolean {
    return this.#answered(message) !== undefined;
  }

  /** Completes the request that a message answers; false when it answers none. */
  complete(message: KernelMessage): boolean {
    const request = this.#answered(message);
    if (request === undefined) return false;
    this.#hand(request, message);
    return true;
  }

  #answered({ correlationId, fromNode, from, target }: KernelMessage): PendingRequest | undefined {
    if (correlationId === undefined || fromNode !== undefined || this.#waiting.size === 0) return undefined;
    const request = this.#waiting.get(correlationId);
    if (request === undefined || target.kind !== 'process' || target.pid !== request.from) return undefined;
    return mayAnswer(request, from) ? request : undefined;
  }

  /** The same for an answer that came on the way which a backend opened for this request. */
  completeRemote(message: KernelMessage): boolean {
    const request = message.correlationId === undefined ? undefined : this.#waiting.get(message.correlationId);
    if (request === undefined || !request.remote) return false;
    this.#hand(request, message);
    return true;
  }

  /** Ends a request from outside; false if it does not wait. */
  end(id: string, error: AgentwireError): boolean {
    const request = this.#waiting.get(id);
    if (request === undefined) return false;
    this.remove(request, error);
    request.onEnd(error);
    return true;
  }

  /** Takes a request out without telling it; its handlers are told, apart from the one that answered. */
  remove(request: PendingRequest, error?: AgentwireError, answeredBy?: Pid): void {
    if (request.ended || request.owner !== this) return;
    this.#waiting.delete(request.id);
    request.ended = true;
    if (request.asking !== undefined) this.#parties.remove(request.asking);
    request.asking = undefined;
    for (let one = request.responders; one !== undefined; one = one.other) this.#parties.remove(one);
    request.responders = undefined;
    if (request.remote) this.#forgetRemote(request.id);
    releaseWatchers(request, error, answeredBy);
  }

  /** The request with that id, if that process asked it. */
  find(id: string, from: Pid): PendingRequest | undefined {
    const request = this.#waiting.get(id);
    return request?.from === from ? request : undefined;
  }

  /** Notes that one who received a request will not answer; ends the request if nobody is left. */
  loseResponder(id: string, pid: Pid, code: ErrorCode): void {
    const request = this.#waiting.get(id);
    if (request === undefined || !mayAnswer(request, pid)) return;
    this.dropResponder(request, pid);
    if (request.responders !== undefined || request.remote) return;
    this.end(id, new AgentwireError(code, `process ${pid} cannot answer any more`, { detail: { pid } }));
  }

  /** Notes that other nodes will not answer; ends the request if nobody here can either. */
  loseRemote(id: string, error: AgentwireError): void {
    const request = this.#waiting.get(id);
    if (request === undefined || !request.remote) return;
    request.remote = false;
    this.#forgetRemote(id);
    if (request.responders !== undefined) return;
    this.end(id, error.code === 'ERR_NO_RESPONDERS' ? (request.refusal ?? error) : error);
  }

  /** Ends what a process asked for, and what only it could have answered. */
  processGone(pid: Pid, code: ErrorCode): void {
    // Each turn takes the part that is first out of the list.
    for (let one = this.#parties.first(pid); one !== undefined; one = this.#parties.first(pid)) {
      const { request } = one;
      if (request.from === pid) {
        this.end(
          request.id,
          new AgentwireError('ERR_CLOSED', `process ${pid}, which asked, has exited`, { detail: { pid } }),
        );
      } else this.loseResponder(request.id, pid, code);
    }
    this.#parties.forget(pid);
  }

  /** Ends everything. */
  close(): void {
    this.#sweep.stop();
    for (const { id } of this.#waiting.values())
      this.end(id, new AgentwireError('ERR_CLOSED', 'the router was closed'));
  }

  #hand(request: PendingRequest, message: KernelMessage): void {
    if (request.onReply(message)) this.remove(request, undefined, message.from);
  }

  #wakeAt(when: number): void {
    this.#wakesAt = when;
    this.#sweep.start(Math.max(0, when - this.#clock.now()));
  }

  #expireDue(): false {
    this.#wakesAt = Infinity;
    const now = this.#clock.now();
    let next = Infinity;
    for (const request of this.#waiting.values()) {
      if (request.expires <= now) {
        this.end(
          request.id,
          new AgentwireError('ERR_TIMEOUT', 'no answer came in time', { detail: { id: request.id } }),
        );
      } else next = Math.min(next, request.expires);
    }
    // Requests that were made by those that ended may have set a nearer alarm already.
    if (next < this.#wakesAt) this.#wakeAt(Math.max(next, now + SWEEP_MS));
    return false;
  }
}
