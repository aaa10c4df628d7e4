import { connect } from 'node:http2';
import type { HealthCheckOptions } from '../upstream-config.ts';
import { type ConnectionSettings, dialTo } from '../upstream-connection.ts';

/**
 * Returns the status of a health check over HTTP/2, on a connection of its own; 0 where there was none, and `undefined` where the
 * target has selected HTTP/1.1 and may.
 */
export function statusOverHttp2(
  settings: ConnectionSettings,
  { path, host }: HealthCheckOptions,
  signal: AbortSignal,
): Promise<number | undefined> {
  const { address, protocol } = settings;
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(0), { once: true });
    dialTo(
      settings,
      true,
    )((...[error, socket]) => {
      if (error !== null) return resolve(0);
      const end = (status: number | undefined): void => {
        resolve(status);
        socket.destroy();
      };
      if (signal.aborted) return end(0);
      const isHttp2 =
        (socket as { alpnProtocol?: unknown }).alpnProtocol === 'h2' || address.origin.startsWith('http:');
      if (!isHttp2) return end(protocol === 'auto' ? undefined : 0);
      const session = connect(address.origin, { createConnection: () => socket });
      const over = (): void => end(0);
      signal.addEventListener('abort', over, { once: true });
      session.once('close', () => signal.removeEventListener('abort', over));
      session.on('error', over);
      const stream = session.request({ ':path': path, ':authority': host ?? address.host });
      stream.on('error', over).once('close', over);
      stream.once('response', (head) => {
        end(head[':status'] ?? 0);
        session.destroy();
      });
    });
  });
}
