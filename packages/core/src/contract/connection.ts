import type { AgentwireError } from '../errors.ts';
import type { Message, Received } from '../message/message.ts';
import type { Peer } from './peer.ts';

/** Reason for the end of a connection. */
export interface CloseReason {
  /** Side that ended it: this one (`close`, `abort`, a protocol error it found) or the other one (end, reset, crash). */
  readonly by: 'local' | 'remote';
  /** Error that ended it; absent after a graceful end. */
  readonly error?: AgentwireError | undefined;
}

/**
 * Encoded form of the message that a connection is delivering. For handlers that keep many messages for a long time: bytes
 * cost the garbage collector nothing.
 */
export interface EncodedMessage {
  /**
   * Copies the encoded message into `target`, starting at `at`. Works only while the `onMessage` call that received this
   * object runs.
   *
   * @returns the number of bytes; 0 if `target` has too little room or the delivery is over
   */
  copyTo(target: Buffer, at: number): number;
  /**
   * Decodes a copy, any number of times, also after the end of the connection. The message may hold views of `bytes`.
   *
   * @returns `undefined` if `bytes` hold no message
   */
  decode(bytes: Buffer): Received | undefined;
}

/** Callbacks for one connection, called synchronously and in order. They must not throw; a throw ends the connection. */
export interface ConnectionHandler {
  /** One message, in the order it was sent; with its encoded form if the transport has one that can be decoded again. */
  onMessage(message: Received, encoded?: EncodedMessage): void;
  /** Buffered bytes fell below the low-water mark after `send` had returned `false`. */
  onDrain?(): void;
  /**
   * Reports a half-close: the other side sends nothing more, but may still read. Called at most once, between messages.
   * A handler that has this callback must call `close` once it has sent what is pending; without it the connection is
   * closed at once.
   */
  onPeerEnd?(): void;
  /** Called exactly once, last, when the connection has ended. */
  onClose(reason: CloseReason): void;
}

/** `open` sends and receives; `closing` sends what is buffered and still receives; `closed` does nothing. */
export type ConnectionStatus = 'open' | 'closing' | 'closed';

/** One negotiated connection between a proxy and an agent, dialled by either. */
export interface Connection extends AsyncDisposable {
  /** Unique in the process; for logs. */
  readonly id: string;
  /** Result of the handshake. */
  readonly peer: Peer;
  readonly status: ConnectionStatus;
  /** Bytes accepted by `send` that have not been handed to the operating system (memory: messages not delivered). */
  readonly bufferedBytes: number;
  /** Bytes received so far, of whole messages or not: a sign of life of the other side. */
  readonly receivedBytes: number;
  /**
   * Sends one message; copies what it needs before it returns.
   *
   * @returns `false` if the message was accepted but more than 1 MiB is buffered: stop until `onDrain`
   * @throws AgentwireError `ERR_CLOSED` when not open, `ERR_UNSUPPORTED` for a type the peer does not accept,
   * `ERR_MESSAGE_TOO_LARGE`, and `ERR_OVERLOADED` for events past 8 MiB buffered (never for cancel, pong, drain or an
   * answer; one message always fits into an empty buffer).
   */
  send(message: Message): boolean;
  /** Stops all delivery, pongs included; for a receiver that cannot keep up. */
  pause(): void;
  /** Resumes delivery. */
  resume(): void;
  /** Sends what is buffered, then ends. Idempotent; always resolves. An aborted `signal` turns it into `abort`. */
  close(options?: { readonly signal?: AbortSignal }): Promise<void>;
  /** Drops everything now. Idempotent; never throws. */
  abort(error?: AgentwireError): void;
}
