import type { ServerResponse } from 'node:http';
import type { ClientResponse } from '../client-messages.ts';
import { Http2Response } from '../http2/http2-response.ts';

const EMPTY = Buffer.alloc(0);

/**
 * Sends the head alone. Node's `flushHeaders` encodes it as UTF-8 by default, so that a latin1 byte of a value would become
 * two.
 */
export function flushHead(response: ClientResponse): void {
  const { socket } = response;
  if (response instanceof Http2Response) return response.flushHeaders();
  if (socket === null) {
    // behind another response of its connection: an empty chunk keeps the encoding of the head
    response.write(EMPTY);
    return;
  }
  socket.setDefaultEncoding('latin1');
  response.flushHeaders();
  socket.setDefaultEncoding('utf8');
}

/** Longest body that {@link endWith} takes, in bytes: it and the head are written from the stack of the process. */
export const MAX_JOINED_BYTES = 8_192;

/**
 * Ends a response of HTTP/1.1 with its whole body. Node joins text with the head, and writes both at once; of a head and bytes it makes two
 * parts of a write, which takes a tenth of the processor time of a request more.
 *
 * @param done called when the last byte is out
 */
export function endWith(response: ClientResponse, body: Uint8Array, done: () => void): void {
  const { buffer, byteOffset, byteLength } = body;
  const text = Buffer.from(buffer, byteOffset, byteLength).toString('latin1');
  (response as ServerResponse).end(text, 'latin1', done);
}

/**
 * Cuts a response, so that the client cannot take what it has for the whole. An HTTP/1.0 client has no other sign than a reset: to it the end
 * of the connection is the end of the body.
 */
export function cut(response: ClientResponse): void {
  const { req, socket } = response;
  const isOld = req.httpVersionMajor === 1 && req.httpVersionMinor === 0;
  if (isOld && socket !== null && !('encrypted' in socket)) socket.resetAndDestroy();
  else response.destroy();
}
