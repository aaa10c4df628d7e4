import type { Socket } from 'node:net';
import type { Clock } from '@agentwire/core';

/** First bytes of an HTTP/2 connection (RFC 9113 §3.4). */
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

/**
 * Calls back with the protocol of a connection without TLS, as its first bytes tell it; they are back in the socket's buffer.
 * A client that sends nothing for `timeoutMs` is cut.
 */
export function readPreface(
  socket: Socket,
  { clock, timeoutMs }: { readonly clock: Clock; readonly timeoutMs: number },
  onKnown: (isHttp2: boolean) => void,
): void {
  let read: Buffer = Buffer.alloc(0);
  const timer = clock.setTimeout(() => socket.destroy(), timeoutMs);
  const onClose = (): void => clock.clearTimeout(timer);
  const onError = (): void => void socket.destroy();
  const onReadable = (): void => {
    const chunk = socket.read() as Buffer | null;
    if (chunk !== null) read = read.length === 0 ? chunk : Buffer.concat([read, chunk]);
    const length = Math.min(read.length, PREFACE.length);
    const matches = length > 0 && read.compare(PREFACE, 0, length, 0, length) === 0;
    if (socket.destroyed || (!socket.readableEnded && (length === 0 || (matches && length < PREFACE.length)))) return;
    socket.off('readable', onReadable).off('close', onClose).off('error', onError);
    clock.clearTimeout(timer);
    if (read.length > 0) socket.unshift(read);
    onKnown(matches && length === PREFACE.length);
  };
  socket.on('readable', onReadable).once('close', onClose).once('error', onError);
}
