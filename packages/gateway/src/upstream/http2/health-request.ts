import { connect } from 'node:http2';
import type { HealthCheckOptions } from '../upstream-config.ts';
import { type ConnectionSettings, dialTo } from '../upstream-connection.ts';

/**
 * Returns the status of a health check over HTTP/2, on a connection of its own, or the error in place of one; `undefined` where the
 * target has selected HTTP/1.1 and may.
 */
export function statusOverHttp2(
  settings: ConnectionSettings,
  { path, host }: HealthCheckOptions,
  signal: AbortSignal,
): Promise<number | Error | undefined> {
  const { address, protocol } = settings;
  return new Promise((resolve) => {
    const none = new Error('it closed the connection without an answer');
    signal.addEventListener('abort', () => resolve(none), { once: true });
    dialTo(
      settings,
      true,
    )((...[error, socket]) => {
      if (error !== null) return resolve(error);
      const end = (status: number | Error | undefined): void => {
        resolve(status);
        socket.destroy();
      };
      if (signal.aborted) return end(none);
      const isHttp2 =
        (socket as { alpnProtocol?: unknown }).alpnProtocol === 'h2' || address.origin.startsWith('http:');
      if (!isHttp2) return end(protocol === 'auto' ? undefined : new Error('it does not speak HTTP/2'));
      const session = connect(address.origin, { createConnection: () => socket });
      const over = (failure?: unknown): void => end(failure instanceof Error ? failure : none);
      signal.addEventListener('abort', over, { once: true });
      session.once('close', () => signal.removeEventListener('abort', over));
      session.on('error', over);
      const stream = session.request({ ':path': path, ':authority': host ?? address.host });
      stream.on('error', over).once('close', over);
      stream.once('response', (head) => {
        end(head[':status'] ?? none);
        session.destroy();
      });
    });
  });
}
