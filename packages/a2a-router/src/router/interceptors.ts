import { AgentwireError, toAgentwireError } from '@agentwire/core';
import { checkKnownOptions } from '@agentwire/core/internal';
import type { ReceivedMessage } from '../message/received-message.ts';
import type { KernelMessage } from '../message/message.ts';
import type { SendReport } from './send-report.ts';

/** Code around every send and every handler run, for logs, metrics or spans. */
export interface Interceptor {
  /**
   * Runs around a send of this node, answers and requests included, before the gate.
   *
   * `next` sends; its report, or another one, is given back. An exception refuses the message. The message is a copy that was
   * checked; changes of it are not seen.
   */
  readonly send?: ((message: KernelMessage, next: () => Promise<SendReport>) => Promise<SendReport>) | undefined;
  /** Runs around a handler that `endpoint.serve` calls; what it gives back is the answer. */
  readonly handle?: ((message: ReceivedMessage, next: () => Promise<unknown>) => Promise<unknown>) | undefined;
}

const MAX_INTERCEPTORS = 100;

/** Throws `ERR_INVALID_ARGUMENT` for what is no list of interceptors. */
export function checkInterceptors(interceptors: readonly Interceptor[] | undefined): void {
  if (interceptors === undefined) return;
  if (!Array.isArray(interceptors) || interceptors.length > MAX_INTERCEPTORS)
    throw new AgentwireError('ERR_INVALID_ARGUMENT', `interceptors must be a list of at most ${MAX_INTERCEPTORS}`);
  for (const one of interceptors as readonly Interceptor[]) {
    checkKnownOptions('an interceptor', one, ['send', 'handle']);
    for (const hook of [one.send, one.handle]) {
      if (hook !== undefined && typeof hook !== 'function')
        throw new AgentwireError(
          'ERR_INVALID_ARGUMENT',
          `the hooks of an interceptor must be functions, got ${typeof hook}`,
        );
    }
  }
}

/** Runs `last` within the `send` hooks, the first one outermost; `next` sends once, however often it is called. */
export function aroundSend(
  interceptors: readonly Interceptor[],
  seen: KernelMessage,
  last: () => SendReport | Promise<SendReport>,
): Promise<SendReport> {
  const run = around(
    interceptors.flatMap(({ send }) =>
      send === undefined ? [] : [(next: () => Promise<SendReport>) => send(seen, next)],
    ),
    last,
  );
  return run().then((report) => {
    if (Number.isInteger((report as SendReport | undefined)?.delivered)) return report;
    throw new AgentwireError('ERR_HANDLER', 'a send interceptor gave no report back');
  });
}

/** Runs `last` within the `handle` hooks, the first one outermost. */
export function aroundHandle(
  interceptors: readonly Interceptor[],
  message: ReceivedMessage,
  last: () => unknown,
): Promise<unknown> {
  return around(
    interceptors.flatMap(({ handle }) =>
      handle === undefined ? [] : [(next: () => Promise<unknown>) => handle(message, next)],
    ),
    last,
  )();
}

type Hook<T> = (next: () => Promise<T>) => Promise<T>;

function around<T>(hooks: readonly Hook<T>[], last: () => T | Promise<T>): () => Promise<T> {
  let result: Promise<T> | undefined;
  let run = (): Promise<T> => {
    result ??= settled(last);
    return result;
  };
  for (const hook of hooks.toReversed()) {
    const next = run;
    run = () => settled(() => hook(next));
  }
  return run;
}

async function settled<T>(action: () => T | Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw toAgentwireError(error, 'ERR_HANDLER');
  }
}
