import { connect, createServer, type Socket } from 'node:net';

/** A TCP relay to a server, on which a test loses bytes and connections. */
export interface Relay {
  readonly url: string;
  /** Loses what goes to the server, or comes from it, until the connections are cut. */
  readonly lose: (way: 'toServer' | 'fromServer') => void;
  /** Cuts every connection; with `refuse` it lets no other one through until {@link Relay.open}. */
  readonly cut: (refuse?: boolean) => void;
  /** Lets connections through again. */
  readonly open: () => void;
  readonly close: () => Promise<void>;
}

export async function startRelay(port: number): Promise<Relay> {
  const sockets = new Set<Socket>();
  let lost: 'toServer' | 'fromServer' | undefined;
  let refuses = false;
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
    lost = undefined;
  };
  const relay = createServer((client) => {
    if (refuses) {
      client.destroy();
      return;
    }
    const server = connect(port, '127.0.0.1');
    for (const [socket, other, way] of [
      [client, server, 'toServer'],
      [server, client, 'fromServer'],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => other.destroy());
      socket.on('data', (chunk) => {
        if (lost !== way) other.write(chunk);
      });
    }
  });
  await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve));
  const address = relay.address();
  return {
    url: `nats://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`,
    lose: (way) => (lost = way),
    cut: (refuse = false) => {
      refuses = refuse;
      cut();
    },
    open: () => (refuses = false),
    close: async () => {
      cut();
      await new Promise((resolve) => relay.close(resolve));
    },
  };
}
