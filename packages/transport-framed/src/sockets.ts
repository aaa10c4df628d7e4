import type { Server, Socket } from 'node:net';

/** Waits until a socket can be written to; destroys it when it fails or `signal` is aborted. @throws the system's error */
export function openSocket<Opened extends Socket>(
  socket: Opened,
  readyEvent: 'connect' | 'secureConnect',
  signal: AbortSignal,
): Promise<Opened> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      socket.destroy();
      reject(signal.reason as Error);
    };
    const settled = (): void => signal.removeEventListener('abort', onAbort);
    signal.addEventListener('abort', onAbort, { once: true });
    // stays, so that an error between this event and the next listener is not uncaught
    socket.on('error', reject);
    socket.once('close', () => {
      settled();
      reject(new Error('it was closed before it was open'));
    });
    socket.once(readyEvent, () => {
      settled();
      resolve(socket);
    });
  });
}

/** Starts listening. @throws the system's error when the address cannot be bound */
export function startListening(
  server: Server,
  where: { readonly path: string } | { readonly host: string; readonly port: number },
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(where, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
