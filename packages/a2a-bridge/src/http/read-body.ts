import type { IncomingMessage } from 'node:http';
import { AgentwireError, type Clock } from '@agentwire/core';

/** Body of a request. @throws `ERR_BODY_TOO_LARGE`, `ERR_TIMEOUT`, or `ERR_CLOSED` when the client leaves */
export function readBody(request: IncomingMessage, maxBytes: number, timeoutMs: number, clock: Clock): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const settle = (end: () => void): void => {
      clock.clearTimeout(timer);
      request.off('data', onData).off('end', onEnd).off('close', onClose).off('error', onClose);
      end();
    };
    const fail = (error: AgentwireError): void => settle(() => reject(error));
    const tooLarge = (): void => fail(new AgentwireError('ERR_BODY_TOO_LARGE', `a body has at most ${maxBytes} bytes`));
    const onData = (chunk: Buffer): void => {
      bytes += chunk.length;
      if (bytes > maxBytes) tooLarge();
      else chunks.push(chunk);
    };
    const onEnd = (): void => settle(() => resolve(Buffer.concat(chunks)));
    const onClose = (): void => fail(new AgentwireError('ERR_CLOSED', 'the client left before its body was complete'));
    const onTimeout = (): void =>
      fail(new AgentwireError('ERR_TIMEOUT', `a body has to arrive within ${timeoutMs} ms`));
    const timer = clock.setTimeout(onTimeout, timeoutMs);
    request.on('data', onData).on('end', onEnd).on('close', onClose).on('error', onClose);
    if (Number(request.headers['content-length'] ?? 0) > maxBytes) tooLarge();
  });
}
