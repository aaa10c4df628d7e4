import { createServer } from 'node:http';
import { givenSocket, listenKey } from '@agentwire/core/internal';
import { listenOn } from '@agentwire/gateway/internal';

/**
 * Takes an address and gives it back, so that one that is taken is told once, and all workers know the port of port 0.
 *
 * @returns `HOST:PORT`
 * @throws AgentwireError `ERR_CONNECT` where it is taken
 */
export async function probeAddress(listen: { readonly host: string; readonly port: number }): Promise<string> {
  if (givenSocket(listen) !== undefined) return listenKey(listen);
  const server = createServer();
  const url = await listenOn(server, listen);
  await new Promise((resolve) => server.close(resolve));
  return url.slice('http://'.length);
}
