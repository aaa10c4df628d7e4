import { AgentwireError, type Clock, type ErrorCode, type TimerHandle } from '@agentwire/core';
import type { KernelMessage } from '../message/message.ts';
import type { Pid } from '../process/pid.ts';

/** One request that waits for its answer. */
export interface PendingRequest {
  readonly id: string;
  readonly from: Pid;
  /** Milliseconds on the clock at which it fails. */
  readonly expires: number;
  /** The local processes that received it and have not been lost since. */
  readonly responders: Pid[];
  /** Whether it also went to other nodes. */
  remote: boolean;
  /** Takes an answer; true ends the request. */
  readonly onReply: (message: KernelMessage) => boolean;
  /** Takes the reason why there will be no further answer. */
  readonly onEnd: (error: AgentwireError) => void;
}

/** A deadline is noticed at most this many milliseconds late. */
const SWEEP_MS = 5;

/** Every request that waits, with one timer for all of them. */
export class PendingRequests {
  readonly #clock: Clock;
  readonly #limit: number;
  readonly #waiting = new Map<string, PendingRequest>();
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
    if (request.expires < this.#wakesAt) this.#wakeAt(request.expires);
  }

  /** Completes the request that a message answers, if the message comes from one that received it. */
  complete(message: KernelMessage): boolean {
    if (message.correlationId === undefined || this.#waiting.size === 0) return false;
    const request = this.#waiting.get(message.correlationId);
    if (request === undefined || message.fromNode !== undefined || !request.responders.includes(message.from))
      return false;
    this.#hand(request, message);
    return true;
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
    this.remove(request);
    request.onEnd(error);
    return true;
  }

  /** Takes a request out without telling it. */
  remove(request: PendingRequest): void {
    if (this.#waiting.get(request.id) !== request) return;
    this.#waiting.delete(request.id);
    if (request.remote) this.#forgetRemote(request.id);
  }

  /** Notes that one who received a request will not answer; ends the request if nobody is left. */
  loseResponder(id: string, pid: Pid, code: ErrorCode): void {
    const request = this.#waiting.get(id);
    const at = request?.responders.indexOf(pid) ?? -1;
    if (request === undefined || at === -1) return;
    request.responders.splice(at, 1);
    if (request.responders.length > 0 || request.remote) return;
    this.end(id, new AgentwireError(code, `process ${pid} cannot answer any more`, { detail: { pid } }));
  }

  /** Notes that other nodes will not answer; ends the request if nobody here can either. */
  loseRemote(id: string, error: AgentwireError): void {
    const request = this.#waiting.get(id);
    if (request === undefined || !request.remote) return;
    request.remote = false;
    this.#forgetRemote(id);
    if (request.responders.length === 0) this.end(id, error);
  }

  /** Ends what a process asked for, and what only it could have answered. */
  processGone(pid: Pid, code: ErrorCode): void {
    for (const request of this.#waiting.values()) {
      if (request.from === pid) {
        this.end(
          request.id,
          new AgentwireError('ERR_CLOSED', `process ${pid}, which asked, has exited`, { detail: { pid } }),
        );
      } else this.loseResponder(request.id, pid, code);
    }
  }

  /** Ends everything. */
  close(): void {
    this.#clock.clearTimeout(this.#timer);
    for (const id of this.#waiting.keys()) this.end(id, new AgentwireError('ERR_CLOSED', 'the router was closed'));
  }

  #hand(request: PendingRequest, message: KernelMessage): void {
    if (request.onReply(message)) this.remove(request);
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
