import type { CancelReason } from '../message/control.ts';
import type { Decision } from '../message/decision.ts';
import type { ProxyEvent, RequestComplete, RequestHead, RequestHeaders, RequestId } from '../message/events.ts';

/** A union member without its id, which belongs to the session. */
type WithoutId<T> = T extends unknown ? Omit<T, 'id'> : never;
/** What a caller says of an event; the session adds the id. */
export type EventBody = WithoutId<Exclude<ProxyEvent, RequestComplete | RequestHeaders> | RequestHead>;
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
   * `ERR_INVALID_ARGUMENT`, or the code that the agent answered with. Of an exchange that has ended: what ended it.
   */
  ask(event: EventBody, options?: AskOptions): Promise<Decision>;
  /** Tells the agent how the request ended, where it wants to know, and ends. */
  complete(summary: Completion): void;
  /** Tells the agent to stop, and ends; unanswered questions reject with `ERR_ABORTED`. */
  cancel(reason?: CancelReason): void;
  /** Gives the id back. Unanswered questions are cancelled. Idempotent. */
  end(): void;
}
