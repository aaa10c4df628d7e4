import type { AgentwireError, Clock } from '@agentwire/core';

/**
 * One open channel that keeps message borders, in both directions: what a transport implements for its medium.
 *
 * A message is one type byte and a payload; an empty one is a protocol error. Messages arrive whole, once and in order, or
 * the link closes. Nothing is delivered before {@link start}, and nothing throws. The optional members make a link faster or stricter; without them
 * the transport does the same work on whole messages.
 */
export interface MessageLink {
  /**
   * Sends one message; calls `done` once it has been handed to the system, or with an error, in the order of the sends.
   * `bytes` do not change until then. Bytes count as buffered until `done` is called: that is the back-pressure.
   */
  send(bytes: Uint8Array, done: (error?: Error | null) => void): void;
  /** Begins to deliver to `receiver`; called once, unless the link is aborted first. */
  start(receiver: LinkReceiver): void;
  /** Stops delivery, and reading as far as the medium can. Messages that arrive all the same are queued by the transport. */
  pause(): void;
  /** Delivers again. */
  resume(): void;
  /** Ends this side after all that was sent; the other side then ends too, and `onClose` follows. */
  close(): void;
  /** Drops the medium at once; idempotent, also before {@link start}. `onClose` follows or not. */
  abort(): void;
  /** Bytes that have arrived, parts of messages included; default the sum of whole messages. It is the proof that the peer lives. */
  readonly receivedBytes?: number;
  /** Bytes of a message that is not whole yet, for error messages; default 0. */
  readonly incompleteBytes?: number;
  /**
   * Sets the length of the longest message that may arrive, in bytes with its type: 64 KiB before the peer is admitted,
   * 16 MiB after. Called before {@link start} and once more. A link that buffers parts of messages must not buffer more
   * than that; the transport itself checks whole messages only.
   */
  limit?(bytes: number): void;
  /**
   * Stops delivery while a peer is being authorized: keeps up to 64 KiB of what arrives, and still reports the end.
   * {@link resume} follows. Default: the transport queues messages, and pauses the link past 64 KiB.
   */
  hold?(): void;
  /**
   * Reports through `onClose` that a peer which has ended its half is gone altogether, for example by a write of no bytes.
   * Called once per second between `onEnd` and the end of the connection. Default: the next send finds out.
   */
  probe?(): void;
  /** Reads on and drops everything that arrives, up to the end; default: the transport drops whole messages. */
  discard?(): void;
  /**
   * Sends several messages in one write, each behind its length (`u32` big-endian), for media that carry frames as
   * docs/wire.md has them. Default: {@link send} for each.
   */
  sendFrames?(frames: Uint8Array, done: (error?: Error | null) => void): void;
}

/** The transport's side of a {@link MessageLink}. All callbacks are synchronous and never throw. */
export interface LinkReceiver {
  /** Time for the link's own deadlines. */
  readonly clock: Clock;
  /**
   * Takes the message `bytes[start, end)`, type byte first.
   *
   * @returns `false` where no view of `bytes` is kept; else they must not be written to or reused afterwards
   */
  onMessage(bytes: Buffer, start: number, end: number): boolean;
  /** Reports that the peer broke the rules of the medium: the connection ends with this error. */
  onFault(error: AgentwireError): void;
  /** Reports that the peer sends nothing more; `cut` when it stopped in the middle of a message. Optional before `onClose`. */
  onEnd(cut?: AgentwireError): void;
  /** Reports the end of the medium, once and last; `error` is what broke it, absent after an orderly end. */
  onClose(error?: Error): void;
}
