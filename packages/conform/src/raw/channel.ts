import type { NextMessage, RawMessage } from './receive-queue.ts';

/** Connection on which messages are written and read without a session. */
export interface RawChannel {
  /** Reason reason it ended; `undefined` while it is open. */
  readonly ended: string | undefined;
  /** Writes one message with its framing. */
  send(message: RawMessage): void;
  /** Writes bytes as they are. */
  sendBytes(bytes: Uint8Array): void;
  /** Message with its framing, for fragmented and joined writes. */
  frame(message: RawMessage): Buffer;
  /** Next received message. */
  next(waitMs: number): Promise<NextMessage>;
  /** Stops reading until `resume`. */
  pause(): void;
  resume(): void;
  /** Half-closes: ends this side's output. */
  end(): void;
  /** Drops the connection. Idempotent. */
  destroy(): void;
}
