import type { Socket } from 'node:net';
import { type FirstBytesOptions, readFirstBytes } from '../first-bytes.ts';

/** First bytes of an HTTP/2 connection (RFC 9113 §3.4). */
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

/**
 * Calls back with the protocol of a connection without TLS, as its first bytes tell it; they are back in the socket's buffer.
 * A client that sends nothing for `timeoutMs` is cut.
 */
export function readPreface(socket: Socket, options: FirstBytesOptions, onKnown: (isHttp2: boolean) => void): void {
  readFirstBytes(
    socket,
    options,
    (read, ended) => {
      const length = Math.min(read.length, PREFACE.length);
      const matches = length > 0 && read.compare(PREFACE, 0, length, 0, length) === 0;
      const isOpen = length === 0 || (matches && length < PREFACE.length);
      return isOpen && !ended ? undefined : { value: matches && length === PREFACE.length, taken: 0 };
    },
    onKnown,
  );
}
