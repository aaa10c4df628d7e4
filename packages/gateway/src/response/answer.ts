import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock, Logger } from '@agentwire/core';
import { HeaderMap } from '@agentwire/headers';
import { announcedLength, hasBody } from '../request/request-head.ts';
import { isBodiless } from './bodiless.ts';
import type { OwnResponse } from './own-response.ts';

/** How long a body that nobody wants is read and thrown away after the answer, in milliseconds. */
const LINGER_MS = 30_000;

/** An unread body up to this length is swallowed so that its connection can go on. */
const SWALLOWED_BYTES = 65_536;

const EMPTY = Buffer.alloc(0);

/** What {@link answer} needs besides the answer. */
export interface AnswerContext {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** How much of the body was read. */
  readonly readBytes: number;
  /** Whether the client still waits for "100 Continue", so that no body is on its way. */
  readonly continueDue: boolean;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** How the connection goes on after an answer that came before the end of the body. */
function afterwards(
  { request, response, readBytes, continueDue }: AnswerContext,
  close: boolean,
): 'keep' | 'close' | 'linger' {
  if (request.complete || !hasBody(request)) return close ? 'close' : 'keep';
  if (continueDue) return 'close';
  const rest = (announcedLength(request) ?? Infinity) - readBytes;
  // a connection that ends must not end while the client sends, however little that is
  return rest <= SWALLOWED_BYTES && !close && response.shouldKeepAlive ? 'keep' : 'linger';
}

/**
 * Goes on reading after the answer was written, and ends the response only then: a socket that is closed while its peer
 * still sends resets the connection, and the peer never reads the answer.
 */
function linger({ request, response, clock }: AnswerContext): void {
  const end = (): void => {
    clock.clearTimeout(timer);
    request.off('end', end).off('close', end);
    response.end();
  };
  const timer = clock.setTimeout(end, LINGER_MS);
  request.on('end', end).on('close', end).resume();
}

/**
 * Sends the head alone. Node's own `flushHeaders` sends it as UTF-8 where nothing else is said, so that a value of one
 * latin1 byte would leave as two.
 */
export function flushHead(response: ServerResponse): void {
  const { socket } = response;
  if (socket === null) {
    // behind another response of its connection: an empty chunk keeps the head's own encoding
    response.write(EMPTY);
    return;
  }
  socket.setDefaultEncoding('latin1');
  response.flushHeaders();
  socket.setDefaultEncoding('utf8');
}

/** Sends an answer of the gateway itself. @returns the bytes of its body */
export function answer(own: OwnResponse, context: AnswerContext): number {
  const { request, response } = context;
  const body = isBodiless(request.method, own.status) ? EMPTY : Buffer.from(own.body);
  const next = afterwards(context, own.close === true);
  try {
    const headers = new HeaderMap(own.headers).set('content-length', String(Buffer.byteLength(own.body)));
    if (own.status === 204 || own.status === 304) headers.delete('content-length');
    if (next !== 'keep') headers.set('connection', 'close');
    if (own.status < 200) throw new RangeError(`status ${own.status} ends no request`);
    response.writeHead(own.status, headers.toRaw() as string[]);
  } catch (error) {
    context.logger.warn({ err: error }, 'an agent chose a response that HTTP does not allow');
    response.writeHead(502, ['content-length', '0', 'connection', 'close']).end();
    return 0;
  }
  if (next !== 'linger') response.end(body);
  else {
    if (body.length > 0) response.write(body);
    else flushHead(response);
    linger(context);
  }
  return body.length;
}
