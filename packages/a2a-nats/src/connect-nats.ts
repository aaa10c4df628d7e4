import { AgentwireError } from '@agentwire/core';
import { connect, type NatsConnection, type NodeConnectionOptions } from '@nats-io/transport-node';
import { fromNatsError } from './nats-errors.ts';

/** Connects to one of several servers. @throws AgentwireError `ERR_CONNECT` or `ERR_UNAUTHORIZED`, with the servers and without credentials */
export async function connectNats(
  servers: string | readonly string[],
  options: Omit<NodeConnectionOptions, 'servers'>,
): Promise<NatsConnection> {
  const list = typeof servers === 'string' ? [servers] : [...servers];
  try {
    return await connect({ ...options, servers: list });
  } catch (error) {
    const { code, message } = fromNatsError(error, `no connection to ${list.map(placeOf).join(', ')}`);
    const hint =
      code === 'ERR_UNAUTHORIZED'
        ? '; sign in with the option auth (createNatsAuth), or --user and --password-file, --creds, --nkey or --token-file on the command line'
        : '';
    throw new AgentwireError(code, `${message}${hint}`, { cause: error });
  }
}

/** Host and port of a server; what stands before them may be a password. */
function placeOf(server: string): string {
  return server.slice(server.lastIndexOf('@') + 1).replace(/^[a-z]+:\/\//, '');
}
