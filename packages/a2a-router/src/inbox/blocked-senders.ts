import type { Clock, ErrorCode, TimerHandle } from '@agentwire/core';
import type { KernelMessage } from '../message/message.ts';
import type { ResolvedInboxOptions } from './inbox-options.ts';
import { Ring } from './ring.ts';

interface Blocked {
  readonly message: KernelMessage;
  readonly timer: TimerHandle;
  settle(code: ErrorCode | undefined): void;
}

/** Messages whose senders wait for room in an inbox with `overflow: 'block'`, in their order. */
export class BlockedSenders {
  readonly #options: Pick<ResolvedInboxOptions, 'blockMs' | 'maxBlocked'>;
  readonly #clock: Clock;
  readonly #blocked = new Ring<Blocked>();

  constructor(options: Pick<ResolvedInboxOptions, 'blockMs' | 'maxBlocked'>, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  /** Those that wait. */
  get length(): number {
    return this.#blocked.length;
  }

  /** Lets a sender wait for `blockMs`, or until its deadline; gives `ERR_INBOX_FULL` when too many wait. */
  wait(message: KernelMessage): ErrorCode | Promise<ErrorCode | undefined> {
    if (this.#blocked.length >= this.#options.maxBlocked) return 'ERR_INBOX_FULL';
    const left = message.deadline === undefined ? Infinity : Math.max(0, message.deadline - this.#clock.wallNow());
    return new Promise((settle) => {
      const timer = this.#clock.setTimeout(
        () => {
          this.#blocked.take((one) => one === blocked);
          settle('ERR_TIMEOUT');
        },
        Math.min(this.#options.blockMs, left),
      );
      const blocked: Blocked = { message, timer, settle };
      this.#blocked.push(blocked);
    });
  }

  /** Hands messages over as long as there is room for the first one. */
  release(hasRoom: (message: KernelMessage) => boolean, push: (message: KernelMessage) => void): void {
    for (;;) {
      const [first] = this.#blocked;
      if (first === undefined || !hasRoom(first.message)) return;
      const next = this.#blocked.shift();
      if (next === undefined) return;
      this.#clock.clearTimeout(next.timer);
      // a message that is dropped when it is taken was not delivered.
      if (next.message.deadline !== undefined && next.message.deadline <= this.#clock.wallNow()) {
        next.settle('ERR_TIMEOUT');
        continue;
      }
      push(next.message);
      next.settle(undefined);
    }
  }

  /** Ends every wait with `ERR_INBOX_CLOSED`. */
  close(): void {
    for (const blocked of this.#blocked.drain()) {
      this.#clock.clearTimeout(blocked.timer);
      blocked.settle('ERR_INBOX_CLOSED');
    }
  }
}
