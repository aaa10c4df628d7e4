import type { AgentwireError } from '../errors.ts';
import type { ProxyEvent } from '../message/events.ts';
import type { Message, Received } from '../message/message.ts';
import type { Peer } from './peer.ts';

/** Why a connection ended. */
export interface CloseReason {
  /** Who ended it: this side (`close`, `abort`, a protocol error it saw) or the other (end, reset, death). */
  readonly by: 'local' | 'remote';
  /** What went wrong; absent after an orderly end. */
  readonly error?: AgentwireError | undefined;
}

/** Callbacks for one connection, called synchronously and in order. They must not throw; a throw ends the connection. */
export interface ConnectionHandler {
  /** One message, in the order it was sent. */
  onMessage(message: Received): void;
  /** Buffered bytes fell below the low-water mark after `send` had returned `false`. */
  onDrain?(): void;
  /**
   * Reports a half-close: the other side sends nothing more, but may still read. Called at most once, between messages.
   * A handler that has this callback must call `close` once it has sent what is pending; without it the connection is
   * closed at once.
   */
  onPeerEnd?(): void;
  /** The connection is over: called exactly once, last. */
  onClose(reason: CloseReason): void;
}

/** `open` sends and receives; `closing` sends what is buffered and still receives; `closed` does nothing. */
export type ConnectionStatus = 'open' | 'closing' | 'closed';

/** One agreed connection between a proxy and an agent, whoever dialled it. */
export interface Connection extends AsyncDisposable {
  /** Unique in the process; for logs. */
  readonly id: string;
  /** What the two sides agreed. */
  readonly peer: Peer;
  readonly status: ConnectionStatus;
  /** Bytes accepted by `send` that have not been handed to the operating system (memory: messages not delivered). */
  readonly bufferedBytes: number;
  /** Bytes received so far, whole messages or not: grows as long as the other side lives. */
  readonly receivedBytes: number;
  /**
   * Sends one message; copies what it needs before it returns.
   *
   * @returns `false` when the message was accepted but more than 1 MiB is buffered: stop until `onDrain`.
   * @throws AgentwireError `ERR_CLOSED` when not open, `ERR_UNSUPPORTED` for a type the peer does not accept,
   * `ERR_MESSAGE_TOO_LARGE`, and `ERR_OVERLOADED` for events past 8 MiB buffered (never for cancel, pong, drain or an
   * answer; one message always fits into an empty buffer).
   */
  send(message: Message): boolean;
  /**
   * Copies the encoded form of an event into `target` from `at` on, while that event is being delivered. For who keeps
   * many events for long: bytes cost the garbage collector nothing.
   *
   * @returns how many bytes; 0 where `event` is not the one that is being delivered or has no encoded form, or where
   * `target` has too little room
   */
  copyDelivered?(event: ProxyEvent, target: Buffer, at: number): number;
  /**
   * Reads an event again from what {@link copyDelivered} wrote, as often as one likes and also after the end of the
   * connection. What it gives may hold views of `bytes`. Absent where events have no encoded form.
   */
  readAgain?(bytes: Buffer): Received | undefined;
  /** Stops all delivery, keepalive included; a last resort against a flood. */
  pause(): void;
  /** Starts delivery again. */
  resume(): void;
  /** Sends what is buffered, then ends. Idempotent; always resolves. An aborted `signal` turns it into `abort`. */
  close(options?: { readonly signal?: AbortSignal }): Promise<void>;
  /** Drops everything now. Idempotent; never throws. */
  abort(error?: AgentwireError): void;
}
