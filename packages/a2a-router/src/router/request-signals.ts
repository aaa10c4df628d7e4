import { AgentwireError, type Logger } from '@agentwire/core';
import { containedAbortController } from '@agentwire/core/internal';
import type { Pid } from '../process/pid.ts';

/** One handler that wants to know when the request it works on is over. */
export interface RequestWatcher {
  readonly pid: Pid;
  readonly controller: AbortController;
}

/** A request as far as its handlers watch it. */
export interface Watched {
  readonly ended: boolean;
  watchers: RequestWatcher[] | undefined;
  /** Told when the first handler watches a request of another node, whose end must then be told here. */
  onWatch(): void;
}

/** Gives a signal that aborts when a request ends without an answer of `pid`; aborted already for one that has ended. */
export function watchRequest(request: Watched | undefined, pid: Pid, logger: Logger): AbortSignal {
  if (request === undefined || request.ended) return AbortSignal.abort(requestOver());
  const controller = containedAbortController((error) =>
    logger.error({ pid, err: error }, 'a listener of the signal of a request threw'),
  );
  if (request.watchers === undefined) {
    request.watchers = [];
    request.onWatch();
  }
  request.watchers.push({ pid, controller });
  return controller.signal;
}

/** Tells the handlers of a request that it is over, apart from the one whose answer ended it. */
export function releaseWatchers(
  request: Watched,
  error: AgentwireError | undefined,
  answeredBy: Pid | undefined,
): void {
  const { watchers } = request;
  if (watchers === undefined) return;
  request.watchers = undefined;
  const reason = error ?? requestOver();
  for (const { pid, controller } of watchers) if (pid !== answeredBy) controller.abort(reason);
}

/** The error for work on a request that has ended. */
export function requestOver(): AgentwireError {
  return new AgentwireError(
    'ERR_REQUEST_ENDED',
    'the request has ended: it was answered, given up or is past its time',
  );
}
