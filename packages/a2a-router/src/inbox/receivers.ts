import { AgentwireError, type Clock } from '@agentwire/core';
import { checkKnownOptions, checkNumber, OPTION } from '@agentwire/core/internal';
import type { ReceivedMessage } from '../message/received-message.ts';
import type { Ring } from './ring.ts';

/** One who waits for the next message of an inbox. */
export interface Receiver {
  /** The loop over the inbox that waits; undefined for others. */
  readonly loop?: object | undefined;
  settle(message: ReceivedMessage | undefined): void;
}

/** Turn of a loop over the inbox that waits. */
export class LoopReceiver implements Receiver {
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

/** Options of `receive` of an inbox. */
export interface ReceiveOptions {
  /** Ends the wait; the promise then rejects with `ERR_ABORTED`. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds to wait before it gives up with undefined, 0 to 2 147 483 647, or `Infinity`. Default `Infinity`. */
  readonly timeoutMs?: number | undefined;
}

const LONGEST_TIMER_MS = 2_147_483_647;

/** Checks options of `receive`. @throws AgentwireError `ERR_INVALID_ARGUMENT` */
export function checkReceiveOptions(options: ReceiveOptions): void {
  checkKnownOptions('receive', options, ['signal', 'timeoutMs']);
  const { timeoutMs, signal } = options;
  if (signal !== undefined) OPTION.signal('signal', signal);
  if (timeoutMs !== undefined && timeoutMs !== Infinity) checkNumber('timeoutMs', timeoutMs, 0, LONGEST_TIMER_MS);
}

/** Waits among others for the next message, until the signal aborts or the time is over. */
export function waitForMessage(
  receivers: Ring<Receiver>,
  clock: Clock,
  { signal, timeoutMs = Infinity }: ReceiveOptions,
): Promise<ReceivedMessage | undefined> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(new AgentwireError('ERR_ABORTED', 'receive was aborted', { cause: signal.reason }));
      return;
    }
    const forget = (): void => {
      clock.clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    };
    const receiver: Receiver = {
      settle: (message) => {
        forget();
        resolve(message);
      },
    };
    const leave = (): void => {
      receivers.take((one) => one === receiver);
      forget();
    };
    const onAbort = (): void => {
      leave();
      reject(new AgentwireError('ERR_ABORTED', 'receive was aborted', { cause: signal?.reason }));
    };
    const timer = timeoutMs === Infinity ? undefined : clock.setTimeout(() => (leave(), resolve(undefined)), timeoutMs);
    signal?.addEventListener('abort', onAbort, { once: true });
    receivers.push(receiver);
  });
}
