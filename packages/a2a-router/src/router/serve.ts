import { AgentwireError } from '@agentwire/core';
import { OPTION, type OptionTable, checkOptions } from '@agentwire/core/internal';
import type { Inbox } from '../inbox/inbox.ts';
import type { ReceivedMessage } from '../message/received-message.ts';
import type { Payload } from '../message/payload.ts';
import { aroundHandle, type Interceptor } from './interceptors.ts';
import type { Observer } from './observer.ts';

/** Handles one message; a payload that it gives back is the answer, an exception the error of the request. */
export type MessageHandler = (message: ReceivedMessage) => Payload | void | Promise<Payload | void>;

/** Options of an endpoint that serves. */
export interface ServeOptions {
  /** Messages that are handled at once, 1 to 10 000. Default 1, which keeps their order. */
  readonly concurrency?: number | undefined;
  /** Ends it; messages that have not been taken stay in the inbox. */
  readonly signal?: AbortSignal | undefined;
}

const TABLE: OptionTable<ServeOptions> = { concurrency: OPTION.integer(1, 10_000), signal: OPTION.signal };

/** Takes messages from an inbox until it closes, or `signal` aborts, and waits for the handlers that run. */
export async function serve(
  inbox: Inbox,
  handler: MessageHandler,
  options: ServeOptions,
  interceptors: readonly Interceptor[],
  observer?: Observer,
): Promise<void> {
  const { concurrency = 1 } = checkOptions('serve', options, TABLE);
  if (typeof handler !== 'function')
    throw new AgentwireError('ERR_INVALID_ARGUMENT', `a handler must be a function, got ${typeof handler}`);
  // counted, not gathered in a set: one with an entry for each message keeps what was handled until a full collection.
  const running = { count: 0 };
  let onEnded: (() => void) | undefined;
  const ended = (): void => {
    running.count -= 1;
    onEnded?.();
  };
  const oneEnded = (): Promise<void> => new Promise((resolve) => (onEnded = resolve));
  for (;;) {
    const message = await next(inbox, options.signal);
    if (message === undefined) break;
    running.count += 1;
    void handle(message, handler, interceptors, observer).finally(ended);
    if (running.count >= concurrency) await oneEnded();
  }
  while (running.count > 0) await oneEnded();
}

async function next(inbox: Inbox, signal: AbortSignal | undefined): Promise<ReceivedMessage | undefined> {
  if (signal === undefined) return inbox.receive();
  // an inbox hands over what is ready before it looks at a signal.
  if (signal.aborted) return undefined;
  try {
    return await inbox.receive({ signal });
  } catch (error) {
    if (signal.aborted) return undefined;
    throw error;
  }
}

/** Never rejects: what a handler throws goes to the one who asked, and an answer that cannot be given is told there too. */
async function handle(
  message: ReceivedMessage,
  handler: MessageHandler,
  interceptors: readonly Interceptor[],
  observer?: Observer,
): Promise<void> {
  try {
    const run = (): Promise<unknown> => aroundHandle(interceptors, message, () => handler(message));
    const answer = await (observer === undefined ? run() : observer.handle(message, run));
    if (answer !== undefined) await message.reply(answer as Payload);
  } catch (error) {
    if (message.expects !== undefined) await message.reply.error(error).catch(() => undefined);
  }
}
