import type { Connection, ConnectionHandler } from '../contract/connection.ts';
import type { ConnectOptions, Transport } from '../contract/transport.ts';
import { AgentwireError } from '../errors.ts';

/**
 * Dials once, and opens the connection's handler with `open`: the one attempt of proxy sessions, agent sessions and reverse
 * connections.
 *
 * @throws AgentwireError as `Transport.connect`
 */
export async function dial<Handler extends ConnectionHandler>(
  transport: Transport,
  address: string,
  { self, signal, handshakeTimeoutMs }: Omit<ConnectOptions, 'onConnection'>,
  open: (connection: Connection) => Handler,
): Promise<Handler> {
  let handler: Handler | undefined;
  const onConnection = (connection: Connection): Handler => (handler = open(connection));
  await transport.connect(address, {
    self,
    ...(signal !== undefined && { signal }),
    ...(handshakeTimeoutMs !== undefined && { handshakeTimeoutMs }),
    onConnection,
  });
  if (handler === undefined)
    throw new AgentwireError('ERR_CONNECT', `${transport.name} connected without calling onConnection`);
  return handler;
}
