import { createServer, connect as connectTcp, type AddressInfo, type Server, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import {
  AgentwireError,
  parseEndpoint,
  type Endpoint,
  type Listener,
  type ListenOptions,
  type Transport,
} from '@agentwire/core';
import { checkOptions, OPTION, type OptionTable } from '@agentwire/core/internal';
import { dial, type DialPlan } from './handshake/dial.ts';
import { PeerGate } from './listen/peer-gate.ts';
import { startListening, StreamListener } from './listen/stream-listener.ts';
import { createTlsServer } from './listen/tls-server.ts';
import { resolveStreamOptions, STREAM_TABLE, type ResolvedStreamOptions, type StreamOptions } from './options.ts';
import { bindError, dialError } from './stream/errors.ts';
import { nodeTlsMaterial, TLS_TABLE, type TlsOptions } from './tls-options.ts';

/** Options of {@link createTcpTransport}. */
export interface TcpTransportOptions extends StreamOptions {
  /** Keys and certificates for `tls://`; a listener needs `key` and `cert`, dialling needs none. */
  readonly tls?: TlsOptions | undefined;
}

const TABLE: OptionTable<TcpTransportOptions> = { ...STREAM_TABLE, tls: OPTION.nested(TLS_TABLE) };

interface Tcp extends ResolvedStreamOptions {
  readonly tls: TlsOptions;
}

interface HostEndpoint extends Endpoint {
  readonly host: string;
  readonly port: number;
}

/**
 * Makes the transport that carries frames over TCP and TLS: `tcp://HOST:PORT`, `tls://HOST:PORT`. Meant for reverse
 * connections, where an agent on another machine dials its proxy; the other way round works as well.
 *
 * `tcp` is readable by everybody on the way: use it on one machine only.
 *
 * @throws AgentwireError `ERR_INVALID_ARGUMENT` for an unknown option or a value out of range.
 */
export function createTcpTransport(options: TcpTransportOptions = {}): Transport {
  checkOptions('createTcpTransport', options, TABLE);
  const tcp: Tcp = { ...resolveStreamOptions(options), tls: options.tls ?? {} };
  return {
    name: 'tcp',
    schemes: ['tcp', 'tls'],
    dials: ['proxy', 'agent'],
    async connect(text, connectOptions) {
      return dial(planFor(hostEndpoint(text), tcp.tls), connectOptions, tcp);
    },
    async listen(text, listenOptions) {
      return listenOnHost(hostEndpoint(text), listenOptions, tcp);
    },
  };
}

function hostEndpoint(text: string): HostEndpoint {
  const endpoint = parseEndpoint(text);
  const { scheme, host, port } = endpoint;
  if ((scheme === 'tcp' || scheme === 'tls') && host !== undefined && port !== undefined) {
    return { ...endpoint, host, port };
  }
  throw new AgentwireError(
    'ERR_INVALID_ADDRESS',
    `this transport serves tcp://HOST:PORT and tls://HOST:PORT, not ${JSON.stringify(text)}`,
  );
}

function planFor({ scheme, address, host, port }: HostEndpoint, tls: TlsOptions): DialPlan {
  const where = { host, port, allowHalfOpen: true, noDelay: true };
  if (scheme === 'tcp') return { name: 'tcp', address, open: () => connectTcp(where), readyEvent: 'connect' };
  const open = (): Socket => {
    try {
      const serverName = tls.serverName ?? host;
      // an address is no server name in TLS; the certificate is checked against it all the same
      const name = /^[\d.]+$|:/.test(serverName) ? undefined : { servername: serverName };
      return connectTls({ ...where, ...nodeTlsMaterial(tls), ...name });
    } catch (error) {
      throw dialError(error, address);
    }
  };
  return { name: 'tls', address, open, readyEvent: 'secureConnect' };
}

function createTcpServer(gate: PeerGate): Server {
  return createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    gate.admit(socket, { address: `${socket.remoteAddress}:${socket.remotePort}` });
  });
}

async function listenOnHost(endpoint: HostEndpoint, options: ListenOptions, tcp: Tcp): Promise<Listener> {
  const { scheme, host, port } = endpoint;
  const gate = new PeerGate(scheme, endpoint.address, options, tcp);
  const server = scheme === 'tls' ? createTlsServer(endpoint.address, tcp.tls, gate) : createTcpServer(gate);
  try {
    await startListening(server, { host, port });
  } catch (error) {
    throw bindError(error, endpoint.address);
  }
  const bound = (server.address() as AddressInfo).port;
  const { address } = parseEndpoint(`${scheme}://${host.includes(':') ? `[${host}]` : host}:${bound}`);
  return new StreamListener({ address, server, gate, logger: tcp.logger });
}
