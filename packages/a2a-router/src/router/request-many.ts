import { AgentwireError } from '@agentwire/core';
import { checkInteger, checkKnownOptions } from '@agentwire/core/internal';
import type { KernelMessage } from '../message/message.ts';
import { ask, type RequestDeps, type RequestOptions } from './request.ts';

/** Options of a request that gathers answers. */
export interface RequestManyOptions extends RequestOptions {
  /** Answers after which it is done, 1 to 1 000 000. Default 10 000. */
  readonly max?: number | undefined;
  /** Milliseconds without another answer, after the first one, that end it. Default: none. */
  readonly stallMs?: number | undefined;
}

/** Sends a message and resolves to the answers that came; rejects if there is none. */
export function requestMany(
  deps: RequestDeps,
  message: KernelMessage,
  options: RequestManyOptions = {},
): Promise<KernelMessage[]> {
  return new Promise((resolve, reject) => {
    checkKnownOptions('requestMany', options, ['timeoutMs', 'signal', 'max', 'stallMs']);
    const { max = 10_000, stallMs } = options;
    checkInteger('max', max, 1, 1_000_000);
    if (stallMs !== undefined) checkInteger('stallMs', stallMs, 1, 86_400_000);
    const { clock } = deps;
    const replies: KernelMessage[] = [];
    let stall: unknown;
    const waiting = ask(deps, message, options, 'answer', {
      onReply: (reply) => {
        // one that failed is none of the answers; others may still come.
        if (reply.streamed === 'error') return false;
        clock.clearTimeout(stall);
        const done = replies.push(reply) === max;
        if (done) resolve(replies);
        else if (stallMs !== undefined) {
          stall = clock.setTimeout(
            () => deps.pending.end(waiting, new AgentwireError('ERR_TIMEOUT', 'no further answer')),
            stallMs,
          );
        }
        return done;
      },
      onEnd: (error) => {
        clock.clearTimeout(stall);
        if (replies.length > 0 && error.code !== 'ERR_ABORTED') resolve(replies);
        else reject(error);
      },
    });
  });
}
