import type { Clock, TimerHandle } from '@agentwire/core';

/** Message on the wire: the type byte of a frame, or the field number in a gRPC envelope. */
export interface RawMessage {
  readonly type: number;
  readonly payload: Buffer;
}

/** Result of waiting for the next message. */
export type NextMessage =
  | ({ readonly kind: 'message' } & RawMessage)
  | { readonly kind: 'timeout' }
  | { readonly kind: 'ended'; readonly reason: string };

/** Most unread messages; beyond it the oldest are dropped, as no check looks back so far. */
const MAX_KEPT = 65_536;

/** Queue of received messages, with a timed wait for the next one. */
export class ReceiveQueue {
  readonly #clock: Clock;
  readonly #kept: RawMessage[] = [];
  #ended: string | undefined;
  #wake: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Reason reason the connection ended; `undefined` while it is open. */
  get ended(): string | undefined {
    return this.#ended;
  }

  push(message: RawMessage): void {
    this.#kept.push(message);
    if (this.#kept.length > MAX_KEPT) this.#kept.shift();
    this.#wake?.();
  }

  /** Marks the connection as ended. The first reason is kept. */
  end(reason: string): void {
    this.#ended ??= reason;
    this.#wake?.();
  }

  /** Next message; `timeout` when none arrived in `waitMs`. */
  async next(waitMs: number): Promise<NextMessage> {
    const until = this.#clock.now() + waitMs;
    for (;;) {
      const message = this.#kept.shift();
      if (message !== undefined) return { kind: 'message', ...message };
      if (this.#ended !== undefined) return { kind: 'ended', reason: this.#ended };
      const rest = until - this.#clock.now();
      if (rest <= 0) return { kind: 'timeout' };
      await this.#wait(rest);
    }
  }

  async #wait(ms: number): Promise<void> {
    let timer: TimerHandle;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      timer = this.#clock.setTimeout(resolve, ms);
    });
    this.#wake = undefined;
    this.#clock.clearTimeout(timer);
  }
}
