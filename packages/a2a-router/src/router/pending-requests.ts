import { AgentwireError, type Clock, type ErrorCode, type TimerHandle } from '@agentwire/core';
import type { KernelMessage } from '../message/message.ts';
import type { Pid } from '../process/pid.ts';
import { releaseWatchers, type RequestWatcher } from './request-signals.ts';
import type { StreamWindow } from './stream-window.ts';

/** One request that waits for its answer. */
export interface PendingRequest {
  readonly id: string;
  readonly from: Pid;
  /** Milliseconds on the clock at which it fails. */
  readonly expires: number;
  /** The local processes that received it and have not been lost since; changed by {@link addResponder} and {@link dropResponder}. */
  readonly responders: Pid[];
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

/** A deadline is noticed at most this many milliseconds late. */
const SWEEP_MS = 5;

/** Every request that waits, with one timer for all of them. */
export class PendingRequests {
  readonly #clock: Clock;
  readonly #limit: number;
  readonly #waiting = new Map<string, PendingRequest>();
  /** The requests that a process asked, or may answer: its exit must not walk over all others. */
  readonly #byPid = new Map<Pid, Set<PendingRequest>>();
  readonly #forgetRemote: (messageId: string) => void;
  #timer: TimerHandle;
  #wakesAt = Infinity;

  constructor(clock: Clock, limit: number, forgetRemote: (messageId: string) => void) {
    this.#clock = clock;
    this.#limit = limit;
    this.#forgetRemote = forgetRemote;
  }

  /** How many wait. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Enters a request; throws `ERR_DUPLICATE_REQUEST` for an id that is live and `ERR_OVERLOADED` past the limit. */
  add(request: PendingRequest): void {
    if (this.#waiting.has(request.id)) {
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
    this.#index(request.from, request);
    if (request.expires < this.#wakesAt) this.#wakeAt(request.expires);
  }

  /** Notes that a process here has the request and may answer it. */
  addResponder(request: PendingRequest, pid: Pid): void {
    if (request.ended) return;
    request.responders.push(pid);
    this.#index(pid, request);
  }

  /** Takes that back, for a process that could not have the request after all. */
  dropResponder(request: PendingRequest, pid: Pid): void {
    const at = request.responders.indexOf(pid);
    if (at === -1) return;
    request.responders.splice(at, 1);
    if (pid !== request.from && !request.responders.includes(pid)) this.#unindex(pid, request);
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
    return request.responders.includes(from) ? request : undefined;
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
    if (this.#waiting.get(request.id) !== request) return;
    this.#waiting.delete(request.id);
    request.ended = true;
    this.#unindex(request.from, request);
    for (const pid of request.responders) this.#unindex(pid, request);
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
    if (request === undefined || !request.responders.includes(pid)) return;
    this.dropResponder(request, pid);
    if (request.responders.length > 0 || request.remote) return;
    this.end(id, new AgentwireError(code, `process ${pid} cannot answer any more`, { detail: { pid } }));
  }

  /** Notes that other nodes will not answer; ends the request if nobody here can either. */
  loseRemote(id: string, error: AgentwireError): void {
    const request = this.#waiting.get(id);
    if (request === undefined || !request.remote) return;
    request.remote = false;
    this.#forgetRemote(id);
    if (request.responders.length > 0) return;
    this.end(id, error.code === 'ERR_NO_RESPONDERS' ? (request.refusal ?? error) : error);
  }

  /** Ends what a process asked for, and what only it could have answered. */
  processGone(pid: Pid, code: ErrorCode): void {
    for (const request of this.#byPid.get(pid) ?? []) {
      if (request.from === pid) {
        this.end(
          request.id,
          new AgentwireError('ERR_CLOSED', `process ${pid}, which asked, has exited`, { detail: { pid } }),
        );
      } else this.loseResponder(request.id, pid, code);
    }
    if (this.#byPid.get(pid)?.size === 0) this.#byPid.delete(pid);
  }

  /** Ends everything. */
  close(): void {
    this.#clock.clearTimeout(this.#timer);
    for (const id of this.#waiting.keys()) this.end(id, new AgentwireError('ERR_CLOSED', 'the router was closed'));
  }

  #hand(request: PendingRequest, message: KernelMessage): void {
    if (request.onReply(message)) this.remove(request, undefined, message.from);
  }

  #index(pid: Pid, request: PendingRequest): void {
    const known = this.#byPid.get(pid);
    if (known === undefined) this.#byPid.set(pid, new Set([request]));
    else known.add(request);
  }

  #unindex(pid: Pid, request: PendingRequest): void {
    this.#byPid.get(pid)?.delete(request);
  }

  #wakeAt(when: number): void {
    this.#clock.clearTimeout(this.#timer);
    this.#wakesAt = when;
    this.#timer = this.#clock.setTimeout(() => this.#sweep(), Math.max(0, when - this.#clock.now()));
  }

  #sweep(): void {
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
  }
}
