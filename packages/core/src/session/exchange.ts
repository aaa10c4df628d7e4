import { AgentwireError, toAgentwireError } from '../errors.ts';
import type { CancelReason } from '../message/control.ts';
import type { Decision } from '../message/decision.ts';
import type { ProxyEvent, RequestComplete, RequestId } from '../message/events.ts';
import { checkNumber } from '../options.ts';

/** A union member without its id, which belongs to the session. */
type WithoutId<T> = T extends unknown ? Omit<T, 'id'> : never;
/** What a caller says of an event; the session adds the id. */
export type EventBody = WithoutId<Exclude<ProxyEvent, RequestComplete>>;
/** How a request ended, for the agent. */
export type Completion = Omit<RequestComplete, 'id' | 'type'>;

/** Options of one question. */
export interface AskOptions {
  /** Gives the whole exchange up: the agent is told, and the promise rejects with `ERR_ABORTED`. */
  readonly signal?: AbortSignal | undefined;
  /**
   * How long the answer may take, in milliseconds, 0 to 86 400 000; default the session's `requestTimeoutMs`. Past it the
   * exchange ends.
   */
  readonly timeoutMs?: number | undefined;
}

/**
 * All events of one HTTP request on one connection. It owns its id until `end`, and its answers come in the order of its
 * questions.
 */
export interface Exchange {
  /** The id on the wire. */
  readonly id: RequestId;
  /** Whether it is over: by `end`, `cancel`, `complete`, a deadline, or the connection's death. */
  readonly ended: boolean;
  /** Questions without an answer. */
  readonly pending: number;
  /** Whatever its owner wants to find again in `onOutcome`. */
  owner: unknown;
  /**
   * Sends one event and resolves to its decision.
   *
   * @throws AgentwireError `ERR_TIMEOUT`, `ERR_ABORTED`, `ERR_CLOSED`, `ERR_PROTOCOL` (undecodable answer), `ERR_UNSUPPORTED`,
   * `ERR_MESSAGE_TOO_LARGE`, `ERR_OVERLOADED` (also for more than 1 024 unanswered questions of one exchange),
   * `ERR_INVALID_ARGUMENT`, or the code that the agent answered with.
   */
  ask(event: EventBody, options?: AskOptions): Promise<Decision>;
  /** Tells the agent how the request ended, where it wants to know, and ends. */
  complete(summary: Completion): void;
  /** Tells the agent to stop, and ends; unanswered questions reject with `ERR_ABORTED`. */
  cancel(reason?: CancelReason): void;
  /** Gives the id back. Unanswered questions are cancelled. Idempotent. */
  end(): void;
}

/** What an exchange needs of its session. */
export interface ExchangeHost {
  /** Whether a body chunk may be sent now. */
  readonly writable: boolean;
  /** Whether the peer takes one event of a request at a time. */
  readonly serial: boolean;
  readonly closedError: AgentwireError | undefined;
  readonly requestTimeoutMs: number;
  now(): number;
  sendEvent(event: EventBody, id: RequestId): void;
  sendCancel(id: RequestId, reason: CancelReason): void;
  sendComplete(id: RequestId, summary: Completion): void;
  pendingChanged(by: 1 | -1): void;
  /** A question has its one outcome. */
  settled(exchange: ExchangeSlot, startedAt: number, outcome: Decision | AgentwireError): void;
  /** Asks for {@link ExchangeSlot.pump} once there is room again. */
  awaitRoom(exchange: ExchangeSlot): void;
  release(exchange: ExchangeSlot): void;
}

/** One question that waits for its answer, or for its turn to be sent. */
interface Waiter {
  readonly startedAt: number;
  readonly deadline: number;
  readonly type: EventBody['type'];
  /** Index of a body chunk, else −1. */
  readonly index: number;
  readonly last: boolean;
  readonly endAfter: boolean;
  readonly resolve: (decision: Decision) => void;
  readonly reject: (error: AgentwireError) => void;
  unsent: EventBody | undefined;
  detach: (() => void) | undefined;
  next: Waiter | undefined;
}

/** Unanswered questions of one exchange; an agent of ours ends the connection when more of one request wait there. */
const MAX_PENDING = 1024;
const MAX_TIMEOUT_MS = 86_400_000;

const isChunk = (type: EventBody['type']): boolean => type === 'requestBodyChunk' || type === 'responseBodyChunk';

/** The exchange in one slot of a session. */
export class ExchangeSlot implements Exchange {
  readonly id: RequestId;
  /** Position in the session's table. */
  readonly slot: number;
  ended = false;
  pending = 0;
  owner: unknown = undefined;
  readonly #host: ExchangeHost;
  #head: Waiter | undefined;
  #tail: Waiter | undefined;
  #unsent: Waiter | undefined;

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
    if (this.ended) return Promise.reject(new AgentwireError('ERR_CLOSED', 'the exchange has ended'));
    if (signal?.aborted) {
      if (endAfter) this.end();
      return Promise.reject(new AgentwireError('ERR_ABORTED', 'the request was aborted', { cause: signal.reason }));
    }
    const refusal = this.#refusal(options?.timeoutMs);
    if (refusal !== undefined) {
      if (endAfter) this.end();
      return Promise.reject(refusal);
    }
    return new Promise((resolve, reject) => {
      const chunk = event.type === 'requestBodyChunk' || event.type === 'responseBodyChunk' ? event : undefined;
      const startedAt = host.now();
      const waiter: Waiter = {
        startedAt,
        deadline: startedAt + (options?.timeoutMs ?? host.requestTimeoutMs),
        type: event.type,
        index: chunk === undefined ? -1 : chunk.index,
        last: chunk?.last === true,
        endAfter,
        resolve,
        reject,
        unsent: event,
        detach: undefined,
        next: undefined,
      };
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

  #refusal(timeoutMs: number | undefined): unknown {
    if (this.pending >= MAX_PENDING)
      return new AgentwireError('ERR_OVERLOADED', `${MAX_PENDING} events of one request are unanswered; wait for some`);
    if (timeoutMs === undefined) return undefined;
    try {
      checkNumber('timeoutMs', timeoutMs, 0, MAX_TIMEOUT_MS);
      return undefined;
    } catch (error) {
      return error;
    }
  }

  #watch(waiter: Waiter, signal: AbortSignal): void {
    const onAbort = (): void => {
      this.fail(
        new AgentwireError('ERR_ABORTED', 'the request was aborted', { cause: signal.reason }),
        'client_disconnect',
      );
    };
    signal.addEventListener('abort', onAbort, { once: true });
    waiter.detach = () => signal.removeEventListener('abort', onAbort);
  }

  /** Sends what waits for its turn, as far as peer and buffer allow. */
  pump(): void {
    for (let waiter = this.#unsent; waiter !== undefined; waiter = this.#unsent) {
      if (this.#host.serial && this.#head !== waiter) return;
      if (!this.#host.writable && isChunk(waiter.type)) {
        this.#host.awaitRoom(this);
        return;
      }
      const event = waiter.unsent;
      waiter.unsent = undefined;
      this.#unsent = waiter.next;
      try {
        if (event !== undefined) this.#host.sendEvent(event, this.id);
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
    this.#resolveWith(waiter, decision);
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
    let waiter = this.#head;
    while (waiter !== undefined && (waiter.index !== index || waiter.unsent !== undefined)) waiter = waiter.next;
    if (waiter === undefined) return false;
    this.#remove(waiter);
    const mutation = { index, data };
    const decision: Decision = { verdict: { type: 'allow' }, needsMore: !waiter.last };
    const request = waiter.type === 'requestBodyChunk';
    const key = request ? 'requestBodyMutation' : 'responseBodyMutation';
    this.#resolveWith(waiter, { ...decision, [key]: mutation });
    this.#afterAnswer(waiter);
    return true;
  }

  #resolveWith(waiter: Waiter, decision: Decision): void {
    waiter.resolve(decision);
    this.#host.settled(this, waiter.startedAt, decision);
  }

  #rejectWith(waiter: Waiter, error: AgentwireError): void {
    waiter.reject(error);
    this.#host.settled(this, waiter.startedAt, error);
  }

  #afterAnswer(waiter: Waiter): void {
    if (waiter.endAfter) this.end();
    else if (this.#unsent !== undefined) this.pump();
  }

  #shift(): Waiter | undefined {
    const waiter = this.#head;
    if (waiter === undefined || waiter.unsent !== undefined) return undefined;
    this.#head = waiter.next;
    if (waiter.next === undefined) this.#tail = undefined;
    this.#forget(waiter);
    return waiter;
  }

  /** @returns whether it was there */
  #remove(waiter: Waiter): boolean {
    let previous: Waiter | undefined;
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

  #forget(waiter: Waiter): void {
    this.pending -= 1;
    this.#host.pendingChanged(-1);
    waiter.detach?.();
  }

  /** Whether a question's deadline has passed at `now`. */
  isOverdue(now: number): boolean {
    for (let waiter = this.#head; waiter !== undefined; waiter = waiter.next) if (waiter.deadline <= now) return true;
    return false;
  }

  /** Latest deadline among the questions, or `since` where there is none. */
  latestDeadline(since: number): number {
    let latest = since;
    for (let waiter = this.#head; waiter !== undefined; waiter = waiter.next)
      latest = Math.max(latest, waiter.deadline);
    return latest;
  }

  /** Ends the exchange because of `error`, which every unanswered question gets; the agent is told where it can be. */
  fail(error: AgentwireError, reason?: CancelReason): void {
    if (this.ended) return;
    this.ended = true;
    if (reason !== undefined && this.#head !== undefined) this.#host.sendCancel(this.id, reason);
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
    try {
      this.#host.sendComplete(this.id, summary);
    } finally {
      if (this.#head === undefined) this.#release();
      else this.fail(new AgentwireError('ERR_ABORTED', 'the request was completed before its answer came'));
    }
  }

  cancel(reason: CancelReason = 'manual'): void {
    if (this.ended) return;
    if (this.#head === undefined) {
      this.#host.sendCancel(this.id, reason);
      this.#release();
    } else this.fail(new AgentwireError('ERR_ABORTED', `the request was cancelled: ${reason}`), reason);
  }

  end(): void {
    if (this.ended) return;
    if (this.#head === undefined) this.#release();
    else this.fail(new AgentwireError('ERR_ABORTED', 'the exchange was ended before its answer came'), 'manual');
  }
}
