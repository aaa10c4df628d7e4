import type { Clock, ErrorCode } from '@agentwire/core';
import type { KernelMessage } from '../message/message.ts';
import type { Pid } from '../process/pid.ts';
import { BlockedSenders } from './blocked-senders.ts';
import type { DeadLetterReason } from './dead-letter.ts';
import type { ResolvedInboxOptions } from './inbox-options.ts';
import { ReceivedMessage } from '../message/received-message.ts';
import type { Replier } from '../message/reply-channel.ts';
import { payloadSize } from '../message/payload-size.ts';
import { Lane } from './lane.ts';
import { checkReceiveOptions, LoopReceiver, type ReceiveOptions, type Receiver, waitForMessage } from './receivers.ts';
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
  readonly #blocked: BlockedSenders;
  readonly #receivers = new Ring<Receiver>();
  #closed = false;

  /** @internal Made by `A2ARouter.createInbox`. */
  constructor(pid: Pid, options: ResolvedInboxOptions, hooks: InboxDeps) {
    this.pid = pid;
    this.options = options;
    this.#hooks = hooks;
    this.#blocked = new BlockedSenders(options, hooks.clock);
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
    if (this.#receivers.length > 0) {
      this.#receivers.shift()?.settle(ReceivedMessage.deliver(message, this.#hooks.reply));
      return undefined;
    }
    if (message.payload.kind === 'signal') return this.#signals.offer(message);
    const bytes = payloadSize(message);
    if (!this.#takes(bytes)) {
      if (this.options.overflow === 'reject') return 'ERR_INBOX_FULL';
      if (this.options.overflow === 'block') return this.#blocked.wait(message);
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
      if (this.#isInTime(message)) {
        return ReceivedMessage.deliver(message, this.#hooks.reply);
      }
      this.#hooks.drop(message, 'timeout');
    }
  }

  /** The deadline of a request that waits has not passed: it would have ended, which saves a look at the clock. */
  #isInTime(message: KernelMessage): boolean {
    const { deadline } = message;
    if (deadline === undefined || ReceivedMessage.requestOf(message)?.ended === false) return true;
    return deadline > this.#hooks.clock.wallNow();
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
      return new Promise((resolve) => this.#receivers.push({ settle: resolve }));
    }
    return waitForMessage(this.#receivers, this.#hooks.clock, options);
  }

  /** Messages as they come; ends when the inbox closes. Leaving the loop leaves what has not come yet in the inbox. */
  [Symbol.asyncIterator](): AsyncIterator<ReceivedMessage, undefined> {
    let left = false;
    // marks the receivers of this loop; a set of them, with an entry for each message, costs more than the message does.
    const loop = {};
    return {
      next: () => {
        if (left) return Promise.resolve({ done: true, value: undefined });
        const ready = this.poll();
        if (ready !== undefined) return Promise.resolve({ done: false, value: ready });
        if (this.#closed) return Promise.resolve({ done: true, value: undefined });
        return new Promise((resolve) => this.#receivers.push(new LoopReceiver(loop, resolve)));
      },
      return: () => {
        left = true;
        const mine = (one: Receiver): boolean => one.loop === loop;
        for (let one = this.#receivers.take(mine); one !== undefined; one = this.#receivers.take(mine))
          one.settle(undefined);
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  }

  /** @internal Ends it; what is queued goes to `drop`, who waits is told. */
  close(reason: DeadLetterReason): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const receiver of this.#receivers.drain()) receiver.settle(undefined);
    this.#blocked.close();
    for (const lane of [this.#signals, this.#high, this.#normal]) {
      for (const message of lane.drain()) this.#hooks.drop(message, reason);
    }
  }

  #unblock(): void {
    this.#blocked.release(
      (message) => this.#takes(payloadSize(message)),
      (message) => this.#push(message, payloadSize(message)),
    );
  }
}
