import { AgentwireError, ERROR_CODES, type ErrorCode } from '@agentwire/core';
import type { SendReport } from '../router/send-report.ts';
import type { KernelMessage, MessageOptions } from './message.ts';
import { type JsonValue, payload as make, type Payload } from './payload.ts';
import type { Replier } from './reply-channel.ts';
import { StreamWriter } from './stream-writer.ts';

/** Answers a message: called for one answer, and with `write` and `end` for the parts of a stream. */
export interface Reply {
  /**
   * Answers the sender; the answer carries the message's id as correlation id and its trace id.
   *
   * If the sender waits in `request`, the answer completes it, whatever the scope of the one who answers. A second answer, or one
   * that comes after the wait has ended, is not delivered: `delivered` is 0, and `rejected` has `ERR_REQUEST_ENDED`.
   */
  (payload: Payload, options?: MessageOptions): Promise<SendReport>;
  /**
   * Sends one part to a sender that waits in `requestStream`, in order; resolves once it was handed over.
   *
   * Waits while the asker has as many unread parts as its `window` allows. Rejects with `ERR_REQUEST_ENDED` when it is not read
   * any more, `ERR_INVALID_STATE` when no stream was asked for or after the end, and `ERR_OVERLOADED` past 1024 waiting writes.
   */
  write(payload: Payload): Promise<void>;
  /** Ends the stream after the parts that were written; rejects as `write` does. */
  end(): Promise<void>;
  /** Ends the stream, or the request, with an error: its code and its message reach the asker. */
  error(error: unknown): Promise<void>;
}

const MAX_TEXT = 1000;

/** Makes the reply of one message. */
export function createReply(to: KernelMessage, replier: Replier): Reply {
  const reply = ((payload, options) => replier.answer(to, payload, options, undefined)) as Reply;
  if (to.expects === 'stream') {
    const writer = new StreamWriter(to, replier);
    reply.write = (payload) => writer.write(payload);
    reply.end = () => writer.finish('end', make.json(null));
    reply.error = (error) => writer.finish('error', failurePayload(error));
    return reply;
  }
  reply.write = noStream;
  reply.end = noStream;
  reply.error = async (error) => {
    if (to.expects === undefined) throw unasked('request');
    await replier.answer(to, failurePayload(error), undefined, 'error');
  };
  return reply;
}

function noStream(): Promise<void> {
  return Promise.reject(unasked('requestStream'));
}

function unasked(what: string): AgentwireError {
  return new AgentwireError('ERR_INVALID_STATE', `the sender of this message does not wait in ${what}`);
}

function failurePayload(error: unknown): Payload {
  const code: ErrorCode = error instanceof AgentwireError ? error.code : 'ERR_HANDLER';
  const text = error instanceof Error ? error.message : typeof error === 'string' ? error : 'the handler failed';
  return make.json({ code, message: text.slice(0, MAX_TEXT) });
}

/** Reads the error that ended a stream or a request. */
export function readFailure({ payload }: KernelMessage): AgentwireError {
  const value: JsonValue = payload.kind === 'json' ? payload.value : null;
  const { code, message } = Object(value ?? {}) as { readonly code?: unknown; readonly message?: unknown };
  const known = typeof code === 'string' && Object.hasOwn(ERROR_CODES, code) ? (code as ErrorCode) : 'ERR_HANDLER';
  return new AgentwireError(known, typeof message === 'string' ? message : 'the handler failed');
}
