import { AgentwireError, type Clock, type ErrorCode, type TimerHandle } from '@agentwire/core';
import { checkKnownOptions, checkNumber, OPTION } from '@agentwire/core/internal';
import type { KernelMessage } from '../message/message.ts';
import type { Pid } from '../process/pid.ts';
import type { DeadLetterReason } from './dead-letters.ts';
import type { ResolvedInboxOptions } from './inbox-options.ts';
import { ReceivedMessage } from '../message/received-message.ts';
import type { Replier } from '../message/reply-channel.ts';
import { payloadSize } from '../message/payload-size.ts';
import { Lane } from './lane.ts';
import { Ring } from './ring.ts';
import { SignalLane } from './signal-lane.ts';

/** Outcome of an offered message: undefined is queued, a code is refused, a promise is not known yet. */
export type OfferOutcome = ErrorCode | undefined | Promise<ErrorCode | undefined>;

/** Collaborators of an inbox. */
export interface InboxDeps {
  /** Time, for deadlines and for senders that wait. */
  readonly clock: Clock;
  /** Sends an answer in the name of the inbox's owner. */
  readonly reply: Replier;
  /** Takes a message that was queued and will not be received. */
  readonly drop: (message: KernelMessage, reason: DeadLetterReason) => void;
}

interface Waiter {
  /** The loop over the inbox that waits; undefined for others. */
  readonly loop?: object | undefined;
  settle(message: ReceivedMessage | undefined): void;
}
/** Turn of a loop over the inbox that waits. */
class LoopWaiter implements Waiter {
  readonly loop: object;
  readonly #resolve: (result: IteratorResult<ReceivedMessage, undefined>) => void;

  constructor(loop: object, resolve: (result: IteratorResult<ReceivedMessage, undefined>) => void) {
    this.loop = loop;
    this.#resolve = resolve;
  }

  settle(value: ReceivedMessage | undefined): void {
    this.#resolve(value === undefined ? { done: true, value } : { done: false, value });
  }
}

interface Blocked {
  readonly message: KernelMessage;
  readonly timer: TimerHandle;
  settle(code: ErrorCode | undefined): void;
}

/** Options of {@link Inbox.receive}. */
export interface ReceiveOptions {
  /** Ends the wait; the promise then rejects with `ERR_ABORTED`. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds to wait before it gives up with undefined, 0 to 2 147 483 647, or `Infinity`. Default `Infinity`. */
  readonly timeoutMs?: number | undefined;
}

const LONGEST_TIMER_MS = 2_147_483_647;

/** The bounded queue of one process: signals first, then `high`, then the rest, each in the order of arrival. */
export class Inbox implements AsyncIterable<ReceivedMessage> {
  /** The process that it belongs to. */
  readonly pid: Pid;
  /** Its options. */
  readonly options: ResolvedInboxOptions;
  readonly #hooks: InboxDeps;
  readonly #signals: SignalLane;
  readonly #high = new Lane();
  readonly #normal = new Lane();
  readonly #blocked = new Ring<Blocked>();
  readonly #waiters = new Ring<Waiter>();
  #closed = false;

  /** @internal Made by `A2ARouter.createInbox`. */
  constructor(pid: Pid, options: ResolvedInboxOptions, hooks: InboxDeps) {
    this.pid = pid;
    this.options = options;
    this.#hooks = hooks;
    this.#signals = new SignalLane(options, (message) => hooks.drop(message, 'inbox_full'));
  }

  /** Messages that wait in it, signals included. */
  get size(): number {
    return this.#signals.length + this.queued;
  }

  /** Messages that count against its capacity. */
  get queued(): number {
    return this.#high.length + this.#normal.length;
  }

  /** True when another message would be taken now, or evict one. */
  get hasRoom(): boolean {
    return this.options.overflow !== 'reject' || this.#takes(0);
  }

  /** True once its process has exited or another inbox took its place. */
  get closed(): boolean {
    return this.#closed;
  }

  /** @internal Takes a message in, or says why not. */
  offer(message: KernelMessage): OfferOutcome {
    if (this.#closed) return 'ERR_INBOX_CLOSED';
    if (this.#waiters.length > 0) {
      this.#waiters.shift()?.settle(ReceivedMessage.deliver(message, this.#hooks.reply));
      return undefined;
    }
    if (message.payload.kind === 'signal') return this.#signals.offer(message);
    const bytes = payloadSize(message);
    if (!this.#takes(bytes)) {
      if (this.options.overflow === 'reject') return 'ERR_INBOX_FULL';
      if (this.options.overflow === 'block') return this.#block(message);
      while (!this.#takes(bytes)) {
        const oldest = this.#normal.shift() ?? this.#high.shift();
        if (oldest !== undefined) this.#hooks.drop(oldest, 'inbox_full');
      }
    }
    this.#push(message, bytes);
    return undefined;
  }

  /** Tells whether a message of that size may be queued. */
  #takes(bytes: number): boolean {
    const { capacity, maxBytes } = this.options;
    const { queued } = this;
    return queued < capacity && (queued === 0 || this.#high.bytes + this.#normal.bytes + bytes <= maxBytes);
  }

  #push(message: KernelMessage, bytes: number): void {
    (message.priority === 'high' ? this.#high : this.#normal).push(message, bytes);
  }

  /** Takes the next message if one waits, without waiting itself. */
  poll(): ReceivedMessage | undefined {
    for (;;) {
      const message = this.#signals.shift() ?? this.#high.shift() ?? this.#normal.shift();
      if (message === undefined) return undefined;
      if (this.#blocked.length > 0) this.#unblock();
      if (message.deadline === undefined || message.deadline > this.#hooks.clock.wallNow()) {
        return ReceivedMessage.deliver(message, this.#hooks.reply);
      }
      this.#hooks.drop(message, 'timeout');
    }
  }

  /** Waits for the next message; undefined when the inbox closes or `timeoutMs` passes. */
  receive(options?: ReceiveOptions): Promise<ReceivedMessage | undefined> {
    if (options !== undefined) {
      try {
        checkReceiveOptions(options);
      } catch (error) {
        return Promise.reject(error);
      }
    }
    const message = this.poll();
    if (message !== undefined || this.#closed) return Promise.resolve(message);
    if (options === undefined) {
      return new Promise((resolve) => this.#waiters.push({ settle: resolve }));
    }
    return this.#wait(options);
  }

  /** Messages as they come; ends when the inbox closes. Leaving the loop leaves what has not come yet in the inbox. */
  [Symbol.asyncIterator](): AsyncIterator<ReceivedMessage, undefined> {
    let left = false;
    // marks the waiters of this loop; a set of them, with an entry for each message, costs more than the message does.
    const loop = {};
    return {
      next: () => {
        if (left) return Promise.resolve({ done: true, value: undefined });
        const ready = this.poll();
        if (ready !== undefined) return Promise.resolve({ done: false, value: ready });
        if (this.#closed) return Promise.resolve({ done: true, value: undefined });
        return new Promise((resolve) => this.#waiters.push(new LoopWaiter(loop, resolve)));
      },
      return: () => {
        left = true;
        const mine = (one: Waiter): boolean => one.loop === loop;
        for (let one = this.#waiters.take(mine); one !== undefined; one = this.#waiters.take(mine))
          one.settle(undefined);
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  }

  /** @internal Ends it; what is queued goes to `drop`, who waits is told. */
  close(reason: DeadLetterReason): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const waiter of this.#waiters.drain()) waiter.settle(undefined);
    for (const blocked of this.#blocked.drain()) {
      this.#hooks.clock.clearTimeout(blocked.timer);
      blocked.settle('ERR_INBOX_CLOSED');
    }
    for (const lane of [this.#signals, this.#high, this.#normal]) {
      for (const message of lane.drain()) this.#hooks.drop(message, reason);
    }
  }

  #block(message: KernelMessage): OfferOutcome {
    if (this.#blocked.length >= this.options.maxBlocked) return 'ERR_INBOX_FULL';
    const { clock } = this.#hooks;
    const left = message.deadline === undefined ? Infinity : Math.max(0, message.deadline - clock.wallNow());
    return new Promise((settle) => {
      const timer = clock.setTimeout(
        () => {
          this.#blocked.take((one) => one === blocked);
          settle('ERR_TIMEOUT');
        },
        Math.min(this.options.blockMs, left),
      );
      const blocked: Blocked = { message, timer, settle };
      this.#blocked.push(blocked);
    });
  }

  #unblock(): void {
    for (;;) {
      const [first] = this.#blocked;
      if (first === undefined || !this.#takes(payloadSize(first.message))) return;
      const next = this.#blocked.shift();
      if (next === undefined) return;
      this.#hooks.clock.clearTimeout(next.timer);
      // a message that is dropped when it is taken was not delivered.
      if (next.message.deadline !== undefined && next.message.deadline <= this.#hooks.clock.wallNow()) {
        next.settle('ERR_TIMEOUT');
        continue;
      }
      this.#push(next.message, payloadSize(next.message));
      next.settle(undefined);
    }
  }

  #wait(options: ReceiveOptions): Promise<ReceivedMessage | undefined> {
    const { clock } = this.#hooks;
    const { signal, timeoutMs = Infinity } = options;
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(new AgentwireError('ERR_ABORTED', 'receive was aborted', { cause: signal.reason }));
        return;
      }
      const forget = (): void => {
        clock.clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
      };
      const waiter: Waiter = {
        settle: (message) => {
          forget();
          resolve(message);
        },
      };
      const leave = (): void => {
        this.#waiters.take((one) => one === waiter);
        forget();
      };
      const onAbort = (): void => {
        leave();
        reject(new AgentwireError('ERR_ABORTED', 'receive was aborted', { cause: signal?.reason }));
      };
      const timer =
        timeoutMs === Infinity ? undefined : clock.setTimeout(() => (leave(), resolve(undefined)), timeoutMs);
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiters.push(waiter);
    });
  }
}

function checkReceiveOptions(options: ReceiveOptions): void {
  checkKnownOptions('receive', options, ['signal', 'timeoutMs']);
  const { timeoutMs, signal } = options;
  if (signal !== undefined) OPTION.signal('signal', signal);
  if (timeoutMs !== undefined && timeoutMs !== Infinity) checkNumber('timeoutMs', timeoutMs, 0, LONGEST_TIMER_MS);
}
