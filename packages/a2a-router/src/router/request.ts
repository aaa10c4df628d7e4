import { AgentwireError, type Clock, toAgentwireError } from '@agentwire/core';
import { checkInteger, checkKnownOptions } from '@agentwire/core/internal';
import { readFailure } from '../message/reply.ts';
import { checkMessageOptions, type KernelMessage, type MessageOptions } from '../message/message.ts';
import type { Payload } from '../message/payload.ts';
import { becomeRequest, checkDeadline, newMessage, sealMessage } from '../message/seal-message.ts';
import { ReceivedMessage } from '../message/received-message.ts';
import type { Target } from '../message/target.ts';
import type { Pid } from '../process/pid.ts';
import type { Observer } from './observer.ts';
import { PendingRequest, type RequestHooks } from './pending-request.ts';
import type { PendingRequests } from './pending-requests.ts';
import type { SendOutcome, SendReport } from './send-report.ts';
import type { StreamWindow } from './stream-window.ts';

/** Options of a request. */
export interface RequestOptions {
  /** Milliseconds until `ERR_TIMEOUT`, 1 to 86 400 000; noticed 5 ms late at most. Default 30 000. */
  readonly timeoutMs?: number | undefined;
  /** Ends the wait with `ERR_ABORTED`. */
  readonly signal?: AbortSignal | undefined;
}

/** Collaborators of requests. */
export interface RequestDeps {
  readonly clock: Clock;
  readonly pending: PendingRequests;
  readonly dispatch: (message: KernelMessage, waiting: PendingRequest, checkedAt: number) => SendOutcome;
  /** Told that a part of a streamed answer from another node was read. */
  readonly partRead: (messageId: string) => void;
  /** Measures how long requests take. */
  readonly observer: Observer | undefined;
  /** Throws `ERR_CLOSED` once the router has ended. */
  readonly checkOpen: () => void;
}

const DEFAULT_TIMEOUT_MS = 30_000;
const NO_OPTIONS: RequestOptions = Object.freeze({});

/** Sends a message and resolves to the first answer. */
export function requestOne(
  deps: RequestDeps,
  message: KernelMessage,
  options: RequestOptions = NO_OPTIONS,
): Promise<KernelMessage> {
  return new Promise((resolve, reject) => {
    if (options !== NO_OPTIONS) checkKnownOptions('request', options, ['timeoutMs', 'signal']);
    ask(deps, message, options, 'answer', new OneAnswer(resolve, reject));
  });
}

/** Makes a message in the name of a process here, sends it, and resolves to the first answer. */
export function requestNew(
  deps: RequestDeps,
  from: Pid,
  to: Target,
  payload: Payload,
  options: RequestOptions = NO_OPTIONS,
  about?: MessageOptions,
): Promise<KernelMessage> {
  return new Promise((resolve, reject) => {
    if (options !== NO_OPTIONS) checkKnownOptions('request', options, ['timeoutMs', 'signal']);
    deps.checkOpen();
    if (about !== undefined) checkMessageOptions(about);
    const message = newMessage(from, to, payload, about, deps.clock);
    ask(deps, message, options, 'answer', new OneAnswer(resolve, reject), undefined, true);
  });
}

/** Settles a promise with the first answer. */
class OneAnswer implements RequestHooks {
  readonly #resolve: (reply: KernelMessage) => void;
  readonly onEnd: (error: AgentwireError) => void;

  constructor(resolve: (reply: KernelMessage) => void, reject: (error: AgentwireError) => void) {
    this.#resolve = resolve;
    this.onEnd = reject;
  }

  onReply(reply: KernelMessage): boolean {
    if (reply.streamed === 'error') this.onEnd(readFailure(reply));
    else this.#resolve(reply);
    return true;
  }
}

/** Registers a request, sends it, and ends it at once when no process can answer; `isNew` is true for a message of {@link newMessage}. */
export function ask(
  { clock, pending, dispatch, observer, checkOpen }: RequestDeps,
  given: KernelMessage,
  { timeoutMs = DEFAULT_TIMEOUT_MS, signal }: RequestOptions,
  expects: 'answer' | 'stream',
  givenHooks: RequestHooks,
  window?: StreamWindow,
  isNew = false,
): PendingRequest {
  checkOpen();
  checkInteger('timeoutMs', timeoutMs, 1, 86_400_000);
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw new AgentwireError('ERR_INVALID_ARGUMENT', `signal must be an AbortSignal, got ${typeof signal}`);
  if (signal?.aborted) throw aborted(signal);
  const wall = isNew ? given.timestamp : clock.wallNow();
  const asked = checkDeadline(given.deadline);
  const left = asked === undefined ? timeoutMs : Math.min(timeoutMs, Math.max(0, asked - wall));
  const expires = pending.time.at(wall) + left;
  const deadline = asked ?? wall + left;
  if (isNew) becomeRequest(given, deadline, expects);
  const message = isNew ? given : sealMessage(given, { deadline, expects });
  const hooks = observer === undefined ? givenHooks : observer.timed(givenHooks);
  const waiting = new PendingRequest(message.id, message.from, expires, hooks, window);
  if (signal !== undefined) endOnAbort(pending, waiting, signal);
  try {
    pending.add(waiting, isNew);
  } catch (error) {
    waiting.ended = true;
    waiting.hooks.onEnd(toAgentwireError(error, 'ERR_HANDLER'));
    return waiting;
  }
  ReceivedMessage.bindRequest(message, waiting);
  try {
    const outcome = dispatch(message, waiting, wall);
    if (outcome instanceof Promise) checkLater(pending, waiting, outcome);
    else check(pending, waiting, outcome);
  } catch (error) {
    end(pending, waiting, error);
  }
  return waiting;
}

function end(pending: PendingRequests, waiting: PendingRequest, error: unknown): void {
  pending.end(waiting, toAgentwireError(error, 'ERR_HANDLER'));
}

function checkLater(pending: PendingRequests, waiting: PendingRequest, outcome: Promise<SendReport>): void {
  outcome.then(
    (report) => check(pending, waiting, report),
    (error: unknown) => end(pending, waiting, error),
  );
}

/** Ends a request that reached no recipient. */
function check(pending: PendingRequests, waiting: PendingRequest, report: SendReport): void {
  if (report.delivered > 0 || report.remote > 0) return;
  pending.end(
    waiting,
    (report.duplicates ?? 0) > 0
      ? new AgentwireError('ERR_DUPLICATE_REQUEST', 'a message with that idempotencyKey was received before')
      : new AgentwireError('ERR_NO_RESPONDERS', 'no process received the request', {
          detail: { rejected: report.rejected.length },
        }),
  );
}

/** Ends a request when a signal aborts before; leaves no listener behind. */
function endOnAbort(pending: PendingRequests, waiting: PendingRequest, signal: AbortSignal): void {
  const { hooks } = waiting;
  const onAbort = (): void => end(pending, waiting, aborted(signal));
  signal.addEventListener('abort', onAbort, { once: true });
  waiting.hooks = {
    onReply: (reply) => {
      const done = hooks.onReply(reply);
      if (done) signal.removeEventListener('abort', onAbort);
      return done;
    },
    onEnd: (error) => {
      signal.removeEventListener('abort', onAbort);
      hooks.onEnd(error);
    },
  };
}

function aborted(signal: AbortSignal): AgentwireError {
  return new AgentwireError('ERR_ABORTED', 'the request was aborted', { cause: signal.reason });
}
