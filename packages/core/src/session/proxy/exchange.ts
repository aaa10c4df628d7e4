import type { CancelReason } from '../../message/control.ts';
import type { Decision } from '../../message/decision.ts';
import type { ProxyEvent, RequestComplete, RequestHead, RequestHeaders, RequestId } from '../../message/events.ts';

/** Removes the id from each member of a union: ids belong to the session. */
type WithoutId<T> = T extends unknown ? Omit<T, 'id'> : never;
/** Event as a caller writes it; the session adds the id. */
export type EventBody = WithoutId<Exclude<ProxyEvent, RequestComplete | RequestHeaders> | RequestHead>;
/** End of a request, for the agent. */
export type Completion = Omit<RequestComplete, 'id' | 'type'>;

/** Options of one question. */
export interface AskOptions {
  /** Ends the whole exchange: the agent is told, and the promise rejects with `ERR_ABORTED`. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Time that the answer may take, in milliseconds, 0 to 86 400 000; default the session's `requestTimeoutMs`. Past it the
   * exchange ends.
   */
  readonly timeoutMs?: number | undefined;
}

/** All events of one HTTP request on one connection: owns its id until it ends; answers come in the order of its questions. */
export interface Exchange {
  /** Id on the wire. */
  readonly id: RequestId;
  /** True once it has ended: by `end`, `cancel`, `complete`, a deadline, or the end of the connection. */
  readonly ended: boolean;
  /** Questions without an answer. */
  readonly pending: number;
  /** False as long as nothing of it was sent: the agent does not know it. */
  readonly heard: boolean;
  /** Value of its owner, to be found again in `onOutcome`. */
  owner: unknown;
  /**
   * Sends one event and resolves to its decision.
   *
   * @throws AgentwireError `ERR_TIMEOUT`, `ERR_ABORTED`, `ERR_CLOSED`, `ERR_PROTOCOL` (undecodable answer), `ERR_UNSUPPORTED`,
   * `ERR_MESSAGE_TOO_LARGE`, `ERR_OVERLOADED` (also for more than 1 024 unanswered questions of one exchange),
   * `ERR_INVALID_ARGUMENT`, or the code that the agent answered with. For an exchange that has ended: the error that ended it.
   */
  ask(event: EventBody, options?: AskOptions): Promise<Decision>;
  /** Ends the exchange and reports the end of the request to the agent, if it accepts that. */
  complete(summary: Completion): void;
  /** Ends the exchange and cancels the request at the agent; unanswered questions reject with `ERR_ABORTED`. */
  cancel(reason?: CancelReason): void;
  /** Ends the exchange and frees its id. Unanswered questions are cancelled. Idempotent. */
  end(): void;
}
