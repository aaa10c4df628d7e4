import type { Clock, Logger } from '@agentwire/core';
import { HeaderMap } from '@agentwire/headers';
import type { ClientRequest, ClientResponse } from '../client-messages.ts';
import { Http2Request } from '../http2/http2-request.ts';
import { announcedLength, hasBody } from '../request/request-head.ts';
import { isGrpc } from '../options/trailer-mode.ts';
import { grpcAnswer } from './grpc-answer.ts';
import { isBodiless } from './body-framing.ts';
import { flushHead } from './response-head.ts';
import type { OwnResponse } from './own-response.ts';

/** Time in which the rest of an unread body is read and discarded after the answer, in milliseconds. */
const DISCARD_MS = 30_000;
/** Time without a byte of it after which nothing more is waited for: a client that has stopped sending can be left. */
const DISCARD_QUIET_MS = 5_000;

/** Longest unread body that is discarded so that its connection can be kept, in bytes. */
const DISCARDED_BYTES = 65_536;

const EMPTY = Buffer.alloc(0);

/** Request and collaborators of {@link answer}. */
export interface AnswerDeps {
  readonly request: ClientRequest;
  readonly response: ClientResponse;
  /** Bytes of the body that were read. */
  readonly readBytes: number;
  /** Set while the client waits for "100 Continue", so that it sends no body. */
  readonly continueDue: boolean;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Returns what becomes of the connection after an answer that came before the end of the body. */
function afterwards(
  { request, response, readBytes, continueDue }: AnswerDeps,
  close: boolean,
): 'keep' | 'close' | 'discard' {
  // a stream of HTTP/2 ends without its connection
  if (request instanceof Http2Request) return 'keep';
  if (request.complete || !hasBody(request)) return close ? 'close' : 'keep';
  if (continueDue) return 'close';
  const rest = (announcedLength(request) ?? Infinity) - readBytes;
  // a connection must not be closed while the client sends, however little that is
  return rest <= DISCARDED_BYTES && !close && response.shouldKeepAlive ? 'keep' : 'discard';
}

/**
 * Reads and discards the rest of the body, and ends the response only then: a socket that is closed while its peer still sends
 * resets the connection, and the peer never reads the answer.
 */
function discardRest({ request, response, clock }: AnswerDeps): void {
  let heardAt = clock.now();
  const until = heardAt + DISCARD_MS;
  const onData = (): void => {
    heardAt = clock.now();
  };
  const end = (): void => {
    clock.clearTimeout(timer);
    request.off('end', end).off('close', end).off('data', onData).resume();
    response.end();
  };
  const look = (): void => {
    const restMs = Math.min(heardAt + DISCARD_QUIET_MS, until) - clock.now();
    if (restMs > 0) timer = clock.setTimeout(look, restMs);
    else end();
  };
  let timer = clock.setTimeout(look, DISCARD_QUIET_MS);
  request.on('end', end).on('close', end).on('data', onData).resume();
}

/** Answer of the gateway itself, as it was sent. */
export interface Answered {
  /** Bytes of its body. */
  readonly bytes: number;
  /** Status of a gRPC call; `undefined` for other requests. */
  readonly grpcStatus: number | undefined;
}

/** Sends an answer of the gateway itself. */
export function answer(given: OwnResponse, context: AnswerDeps): Answered {
  const { request, response } = context;
  const own = isGrpc(request) && given.status >= 200 ? grpcAnswer(given) : given;
  // 205 has no content either (RFC 9110 §15.3.6), and node:http2 ends its stream with the head
  const content = own.status === 205 ? '' : own.body;
  const body = isBodiless(request.method, own.status) ? EMPTY : Buffer.from(content);
  const next = afterwards(context, own.close === true);
  let grpcStatus: number | undefined;
  try {
    const headers = new HeaderMap(own.headers).set('content-length', String(Buffer.byteLength(content)));
    if (own !== given) grpcStatus = Number(headers.get('grpc-status'));
    if (own.status === 204 || own.status === 304) headers.delete('content-length');
    if (next !== 'keep') headers.set('connection', 'close');
    if (own.status < 200) throw new RangeError(`status ${own.status} ends no request`);
    response.writeHead(own.status, headers.toRaw() as string[]);
  } catch (error) {
    context.logger.warn({ err: error }, 'an agent decided on a response that HTTP does not allow');
    response.writeHead(502, ['content-length', '0', 'connection', 'close']).end();
    return { bytes: 0, grpcStatus: undefined };
  }
  if (next !== 'discard') response.end(body);
  else {
    if (body.length > 0) response.write(body);
    else flushHead(response);
    discardRest(context);
  }
  return { bytes: body.length, grpcStatus };
}
