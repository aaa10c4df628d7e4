import { type AddressInfo, createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** One request that a {@link rawUpstream} got, on its connection. */
export interface RawRequest {
  readonly socket: Socket;
  /** Counts from 1. */
  readonly connection: number;
  /** Requests of the connection so far, this one included. */
  readonly served: number;
  /** Head and body, as latin1. */
  readonly text: string;
}

/** An upstream that is told of each request when it is there and answers by hand; closed after the test. */
export async function rawUpstream(onRequest: (request: RawRequest) => void): Promise<{ origin: string }> {
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    const connection = connections;
    let served = 0;
    let text = '';
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    socket.on('data', (part: Buffer) => {
      text += part.toString('latin1');
      const body = text.indexOf('\r\n\r\n') + 4;
      if (body < 4 || text.length - body < Number(/content-length: (\d+)/i.exec(text)?.[1] ?? 0)) return;
      served += 1;
      const request = { socket, connection, served, text };
      text = '';
      onRequest(request);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}
