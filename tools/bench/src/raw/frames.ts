import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { StackServer } from '../stacks/stack.ts';

/** Takes one frame: the bytes of `chunk` from `start` to `end`. */
export type OnFrame = (chunk: Buffer, start: number, end: number) => void;

/** Cuts what comes into frames of a 32-bit length and that many bytes. */
export function readFrames(socket: Socket, onFrame: OnFrame): void {
  let rest: Buffer | undefined;
  socket.on('data', (data: Buffer) => {
    const chunk = rest === undefined ? data : Buffer.concat([rest, data]);
    let at = 0;
    while (chunk.length - at >= 4) {
      const end = at + 4 + chunk.readUInt32BE(at);
      if (end > chunk.length) break;
      onFrame(chunk, at + 4, end);
      at = end;
    }
    rest = at < chunk.length ? chunk.subarray(at) : undefined;
  });
}

/** Ends a server and the connections it holds. */
export function closeServer(server: Server, open: Iterable<Socket>): Promise<void> {
  for (const socket of open) socket.destroy();
  return new Promise((resolve) => server.close(() => resolve()));
}

/** Listens on `unix:PATH` and resolves once it accepts connections. */
export async function listenRaw(where: string, onSocket: (socket: Socket) => void): Promise<StackServer> {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => open.delete(socket));
    onSocket(socket);
  });
  server.listen(where.slice('unix:'.length));
  await once(server, 'listening');
  return { address: where, close: () => closeServer(server, open) };
}

/** Connects to `unix:PATH`. */
export async function connectRaw(address: string): Promise<Socket> {
  const socket = connect(address.slice('unix:'.length));
  await once(socket, 'connect');
  return socket;
}

/** Ends a socket and waits until it is gone. */
export async function closeRaw(socket: Socket): Promise<void> {
  socket.destroy();
  await once(socket, 'close');
}
