import type { Server, Socket } from 'node:net';
import { givenSocket, type ListenPlace } from '@agentwire/core/internal';

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

/** Starts listening, on the socket that was given for the address where there is one. @throws the system's error when the address cannot be bound */
export function startListening(server: Server, where: ListenPlace): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(givenSocket(where) ?? where, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
