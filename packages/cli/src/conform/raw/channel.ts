import type { Heard, RawMessage } from './inbox.ts';

/** A connection on which messages are written and read without any session in between. */
export interface RawChannel {
  /** Why it ended; `undefined` while it is open. */
  readonly ended: string | undefined;
  /** Writes one message with its framing. */
  send(message: RawMessage): void;
  /** Writes bytes as they are. */
  sendBytes(bytes: Uint8Array): void;
  /** A message with its framing, for who wants to cut or join it. */
  frame(message: RawMessage): Buffer;
  /** The next message that came. */
  next(waitMs: number): Promise<Heard>;
  /** Reads nothing more, until `resume`. */
  pause(): void;
  resume(): void;
  /** Says that this side sends nothing more. */
  end(): void;
  /** Drops the connection. Idempotent. */
  destroy(): void;
}
