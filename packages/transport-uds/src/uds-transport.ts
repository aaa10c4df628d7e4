import { createServer, connect as connectSocket } from 'node:net';
import {
  AgentwireError,
  parseEndpoint,
  type Endpoint,
  type Listener,
  type ListenOptions,
  type Transport,
} from '@agentwire/core';
import { dial } from './handshake/dial.ts';
import { PeerGate } from './listen/peer-gate.ts';
import { bindSocketFile } from './listen/socket-file.ts';
import { startListening, StreamListener } from './listen/stream-listener.ts';
import { resolveUdsOptions, type ResolvedUdsOptions, type UdsTransportOptions } from './options.ts';
import { bindError } from './stream/errors.ts';

/**
 * Makes the transport that carries frames over Unix sockets: `unix:PATH`.
 *
 * A proxy dials an agent, or an agent dials a proxy (a reverse connection). Both dialects and both encodings are spoken;
 * a listener answers in the dialect it is asked in.
 *
 * @throws AgentwireError `ERR_INVALID_ARGUMENT` for an unknown option or a value out of range.
 */
export function createUdsTransport(options: UdsTransportOptions = {}): Transport {
  const uds = resolveUdsOptions(options);
  return {
    name: 'uds',
    schemes: ['unix'],
    dials: ['proxy', 'agent'],
    async connect(text, connectOptions) {
      const { address, target } = unixEndpoint(text);
      const open = (): ReturnType<typeof connectSocket> => connectSocket({ path: target, allowHalfOpen: true });
      return dial({ name: 'uds', address, open, readyEvent: 'connect' }, connectOptions, uds);
    },
    async listen(text, listenOptions) {
      return listenOnSocket(unixEndpoint(text), listenOptions, uds);
    },
  };
}

function unixEndpoint(text: string): Endpoint {
  const endpoint = parseEndpoint(text);
  if (endpoint.scheme !== 'unix') {
    throw new AgentwireError('ERR_INVALID_ADDRESS', `this transport serves unix:PATH, not ${JSON.stringify(text)}`);
  }
  return endpoint;
}

async function listenOnSocket(endpoint: Endpoint, options: ListenOptions, uds: ResolvedUdsOptions): Promise<Listener> {
  const { address, target } = endpoint;
  const gate = new PeerGate('uds', address, options, uds);
  const server = createServer({ allowHalfOpen: true }, (socket) => gate.admit(socket, { address }));
  try {
    const file = await bindSocketFile(target, uds.mode, (path) => startListening(server, { path }));
    return new StreamListener({ address, server, gate, logger: uds.logger, cleanUp: () => file.remove() });
  } catch (error) {
    server.close();
    throw bindError(error, address);
  }
}
