import type { Clock, TimerHandle } from '@agentwire/core';

/** One message as it stood on the wire: a frame's type byte, or the number of a field in a gRPC envelope. */
export interface RawMessage {
  readonly type: number;
  readonly payload: Buffer;
}

/** What waiting for the next message gave. */
export type Heard =
  | ({ readonly kind: 'message' } & RawMessage)
  | { readonly kind: 'silence' }
  | { readonly kind: 'ended'; readonly why: string };

/** Messages that may wait to be looked at; past it the oldest are forgotten, as no check looks back so far. */
const MAX_KEPT = 65_536;

/** Keeps what came until somebody asks, and lets them wait for it. */
export class Inbox {
  readonly #clock: Clock;
  readonly #kept: RawMessage[] = [];
  #ended: string | undefined;
  #wake: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Why nothing more will come; `undefined` while something may. */
  get ended(): string | undefined {
    return this.#ended;
  }

  push(message: RawMessage): void {
    this.#kept.push(message);
    if (this.#kept.length > MAX_KEPT) this.#kept.shift();
    this.#wake?.();
  }

  /** Nothing more will come. The first reason counts. */
  end(why: string): void {
    this.#ended ??= why;
    this.#wake?.();
  }

  /** The next message; `silence` when none came in `waitMs`. */
  async next(waitMs: number): Promise<Heard> {
    const until = this.#clock.now() + waitMs;
    for (;;) {
      const message = this.#kept.shift();
      if (message !== undefined) return { kind: 'message', ...message };
      if (this.#ended !== undefined) return { kind: 'ended', why: this.#ended };
      const rest = until - this.#clock.now();
      if (rest <= 0) return { kind: 'silence' };
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
