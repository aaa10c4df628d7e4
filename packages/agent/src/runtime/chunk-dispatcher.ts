import {
  ALLOW,
  AgentwireError,
  type Decision,
  type Peer,
  type RequestBodyChunk,
  type ResponseBodyChunk,
} from '@agentwire/core';
import { freeMessage } from '@agentwire/core/internal';
import type { BodyPiece } from '../body/body-answers.ts';
import type { Message } from '../body/message.ts';
import type { AgentHandlers } from '../handler/agent-handlers.ts';
import type { Reply } from '../run/handler-run.ts';
import { mayFree } from '../zentinel/response-bodies.ts';
import { isTruncated } from '../zentinel/released-proxy.ts';
import type { ContextHost, EventContext } from './event-context.ts';
import type { HandlerCalls } from './handler-calls.ts';

/** Body chunk of a request or response. */
export type ChunkEvent = RequestBodyChunk | ResponseBodyChunk;

/** Returns whether a body ends with this chunk, truncated or not. */
export function isLast(event: ChunkEvent, peer: Peer): boolean {
  return event.last || isTruncated(event, peer);
}

/** Delivers body chunks to the handler that reads the body, or to the handler of chunks. */
export class ChunkDispatcher {
  readonly #host: ContextHost;
  readonly #handlers: AgentHandlers;
  readonly #calls: HandlerCalls;

  constructor(host: ContextHost, handlers: AgentHandlers, calls: HandlerCalls) {
    this.#host = host;
    this.#handlers = handlers;
    this.#calls = calls;
  }

  /** Calls the handler of a chunk, or continues the one that waits for it. @throws the handler's error */
  dispatch(event: ChunkEvent, context: EventContext): Decision | Promise<Reply> {
    const last = isLast(event, context.peer);
    const piece = { index: event.index, data: event.data, last, truncated: last && !event.last };
    const isRequest = event.type === 'requestBodyChunk';
    const name = isRequest ? 'onRequestBodyChunk' : 'onResponseBodyChunk';
    const handler = this.#handlers[name];
    const announced = isRequest ? this.#host.requestBody : this.#host.responseBody;
    const message = isRequest ? context.scope?.request : context.scope?.response;
    if (message !== undefined) {
      // a handler that reads the body with the head assumed that there is none; a handler of chunks has to see this one
      const assumed = announced && (handler === undefined || message.reader?.used === true);
      if (assumed && event.data.byteLength > 0 && !message.hasBody) throw unexpectedBody();
      const reply = toReader(message, piece, announced, handler !== undefined);
      if (reply !== undefined) return reply;
    }
    if (handler === undefined) {
      if (message === undefined && announced) throw requestNotFound(context.ambiguous);
      return ALLOW;
    }
    const chunk = { ...piece, totalSize: event.totalSize, bytesTransferred: event.bytesTransferred };
    const reply = this.#calls.call(handler, chunk, context, event, name);
    return this.#host.freeChunks && mayFree(context.peer, isRequest) ? freed(reply, event.data) : reply;
  }
}

/** Frees a chunk when its handler has decided: a failure may be that of its deadline, while it still reads the chunk. */
function freed(reply: Decision | Promise<Reply>, data: Uint8Array): Decision | Promise<Reply> {
  if (!(reply instanceof Promise)) return freeUnlessSent(reply, data);
  return reply.then((decision) => decision && freeUnlessSent(decision, data));
}

function freeUnlessSent(decision: Decision, data: Uint8Array): Decision {
  const sent = decision.requestBodyMutation?.data ?? decision.responseBodyMutation?.data;
  if (sent?.buffer !== data.buffer) freeMessage(data);
  return decision;
}

/**
 * Gives a chunk to the handler of its message's head: while that reads the body, and where the proxy went on without its
 * decision. Returns `undefined` if it has decided, or if another handler takes chunks.
 */
function toReader(
  message: Message,
  piece: BodyPiece,
  announced: boolean,
  handled: boolean,
): Decision | Promise<Reply> | undefined {
  if (message.reader?.used === true) return message.reader.push(piece);
  const run = message.host.createdRun;
  if (run === undefined || run.delivered) return undefined;
  // a late allow was decided without this chunk, which a handler of chunks has to see
  if (run.settled) return handled && run.allowed ? undefined : run.wait();
  if (handled) return undefined;
  return announced ? message.openBody().push(piece) : run.wait();
}

/** A client can send a body that its head does not announce (HTTP/2); a handler that assumed no body has not seen it. */
function unexpectedBody(): AgentwireError {
  return new AgentwireError('ERR_PROTOCOL', 'a body arrived for a message whose head announced none');
}

function requestNotFound(ambiguous: boolean): AgentwireError {
  const why = ambiguous ? 'several live requests have its id' : 'its request is not known, or no longer';
  return new AgentwireError(
    'ERR_INVALID_STATE',
    `a body chunk cannot be given to the handler that reads the body: ${why}`,
  );
}
